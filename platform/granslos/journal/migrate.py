"""Brings this site's database to the schema of this release; several processes may do so at once.

The SQL and its rules are in ``migrations/`` of the checkout, and in ``granslos/_migrations`` of an installed wheel.
"""

import threading
import time
from pathlib import Path

import psycopg
from structlog import get_logger

from granslos.contract.errors import SettingsError, StoreUnavailableError
from granslos.runtime import limits

_PACKAGE = Path(__file__).parents[1]
_one_at_a_time = threading.Lock()
_log = get_logger(__name__)


def migrate(
    dsn: str,
    *,
    lock_timeout_ms: int = limits.MIGRATION_LOCK_TIMEOUT_MILLISECONDS,
    directory: Path | None = None,
) -> None:
    """Run the migrations that the database lacks; costs one query when it lacks none.

    A database that a newer release has migrated is left alone: its schema is safe for this release too.

    Args:
        dsn: connection string of the site's PostgreSQL, with the right to create tables.
        lock_timeout_ms: how long one statement may wait for a table, milliseconds.
        directory: the migrations; by default this release's own.

    Raises:
        StoreUnavailableError: PostgreSQL does not answer, or a table stayed locked through all tries.
        SettingsError: this installation has no migrations.
    """
    directory = find_migrations() if directory is None else directory
    newest = newest_revision(directory)
    for attempt in range(1, limits.MIGRATION_ATTEMPTS_MAX + 1):
        try:
            if not _lacks(dsn, newest, lock_timeout_ms):
                return
            with _one_at_a_time:
                _upgrade(dsn, directory, lock_timeout_ms)
        except psycopg.errors.LockNotAvailable as error:
            if attempt == limits.MIGRATION_ATTEMPTS_MAX:
                raise StoreUnavailableError("a table stayed locked; the schema is as it was") from error
            _log.warning("migration_waits", attempt=attempt)
            time.sleep(limits.MIGRATION_RETRY_SECONDS)
        except psycopg.OperationalError as error:
            raise StoreUnavailableError(f"PostgreSQL does not answer: {type(error).__name__}") from error
        else:
            _log.info("migrated", revision=newest)
            return


def find_migrations() -> Path:
    """Return the directory of this release's migrations.

    Raises:
        SettingsError: neither in the wheel nor in a checkout.
    """
    for directory in (_PACKAGE / "_migrations", _PACKAGE.parents[1] / "migrations"):
        if (directory / "env.py").is_file():
            return directory
    raise SettingsError("this installation has no migrations")


def newest_revision(directory: Path) -> str:
    """Return the number of the newest revision, which its file's name begins with."""
    return max(path.name[:4] for path in (directory / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def current_revision(dsn: str) -> str:
    """Return the revision that a database is at; "" for one without a schema.

    Raises:
        StoreUnavailableError: PostgreSQL does not answer.
    """
    try:
        return _revision(dsn, limits.MIGRATION_LOCK_TIMEOUT_MILLISECONDS)
    except psycopg.OperationalError as error:
        raise StoreUnavailableError(f"PostgreSQL does not answer: {type(error).__name__}") from error


def _lacks(dsn: str, newest: str, lock_timeout_ms: int) -> bool:
    return _revision(dsn, lock_timeout_ms) < newest


def _revision(dsn: str, lock_timeout_ms: int) -> str:
    """Read Alembic's version table, which ``migrations/env.py`` names."""
    with _connect(dsn, lock_timeout_ms) as connection:
        row = connection.execute("select to_regclass('schema_version')").fetchone()
        if row is None or row[0] is None:
            return ""
        row = connection.execute("select max(version_num) from schema_version").fetchone()
        return (row[0] or "") if row else ""


def _connect(dsn: str, lock_timeout_ms: int) -> psycopg.Connection:
    return psycopg.connect(
        dsn,
        connect_timeout=limits.STORE_CONNECT_TIMEOUT_SECONDS,
        application_name="granslos-migrate",
        options=f"-c lock_timeout={lock_timeout_ms}",
    )


def _upgrade(dsn: str, directory: Path, lock_timeout_ms: int) -> None:
    # Imported here: together they take longer to import than everything else that a node does at its start.
    import sqlalchemy.exc  # noqa: PLC0415 -- see above
    from alembic import command  # noqa: PLC0415 -- see above
    from alembic.config import Config  # noqa: PLC0415 -- see above

    config = Config()
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(
        connect=lambda: _connect(dsn, lock_timeout_ms),
        turn_timeout_ms=limits.MIGRATION_TURN_TIMEOUT_SECONDS * 1_000,
        lock_timeout_ms=lock_timeout_ms,
        statement_timeout_ms=limits.MIGRATION_STATEMENT_TIMEOUT_MILLISECONDS,
    )
    try:
        command.upgrade(config, "head")
    except sqlalchemy.exc.DBAPIError as error:
        # What the server said matters, not that it was said through SQLAlchemy.
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from error
        raise
