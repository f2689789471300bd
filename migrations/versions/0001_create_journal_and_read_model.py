"""Create the journal, the copy of the LOG, and the first read model."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Execute the SQL file beside this one."""
    sql = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    # Without parameters the text goes to the server as it stands: several statements, and no meaning for % and :name.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql)
