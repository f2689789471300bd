"""Run by Alembic for every upgrade: one node at a time, bounded in every wait, each revision in its own transaction.

Called by ``granslos.journal.migrate``, which passes the connection string and the bounds as attributes of the
configuration. There is no offline mode and no way back.
"""

from typing import Any

import sqlalchemy
from alembic import context
from sqlalchemy.pool import NullPool

ADVISORY_LOCK = 0x6772616E736C6F73
"""The word "granslos": whoever migrates a database holds this lock, so that two nodes can start at once."""
VERSION_TABLE = "schema_version"


def run(attributes: dict[str, Any]) -> None:
    """Bring the database to the newest revision.

    Args:
        attributes: ``connect`` (opens a psycopg connection), ``turn_timeout_ms``, ``lock_timeout_ms``,
            ``statement_timeout_ms``.
    """
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=attributes["connect"], poolclass=NullPool)
    with engine.connect() as connection:
        _set(connection, "statement_timeout", 0)
        _set(connection, "lock_timeout", attributes["turn_timeout_ms"])
        # Held by the session: it ends with the connection, however this process ends.
        connection.exec_driver_sql(f"select pg_advisory_lock({ADVISORY_LOCK})")
        _set(connection, "lock_timeout", attributes["lock_timeout_ms"])
        _set(connection, "statement_timeout", attributes["statement_timeout_ms"])
        connection.commit()
        context.configure(connection=connection, version_table=VERSION_TABLE, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


def _set(connection: sqlalchemy.Connection, name: str, milliseconds: int) -> None:
    connection.exec_driver_sql(f"set {name} = {int(milliseconds)}")


run(context.config.attributes)
