"""Alembic's environment: migrates the database of the settings, or of ``-x url=``."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text

import core.models  # noqa: F401 - registers every table on the metadata
from core.config import get_settings
from core.database import Base, make_engine

# Two migrations at once (two containers starting) run one after the other.
MIGRATION_LOCK = 0x6769726F


def migrate(connection: Connection) -> None:
    """Run the migrations on ``connection``, all in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=False,
        include_object=_is_ours,
    )
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        context.run_migrations()


def _is_ours(_object: object, name: str | None, kind: str, reflected: bool, _to: object) -> bool:
    # Partitions and expression indexes are written by hand in the migrations.
    return not (kind == "index" and reflected and name is not None and name.endswith("_expr"))


async def migrate_online() -> None:
    """Connect and migrate."""
    url = context.get_x_argument(as_dictionary=True).get("url") or get_settings().database_url
    engine = make_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Offline migrations are not supported: run against the database")
asyncio.run(migrate_online())
