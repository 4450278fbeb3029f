"""Alembic's environment: migrates the database of the settings, or of ``-x url=``.

By the role of MIGRATION_DATABASE_URL, which owns what it makes. After every way up or down the
privileges of the other roles are brought to ``core/privileges/matrix.py``, in the same unit of
work.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from alembic import context
from sqlalchemy import Connection, pool, text

import core.tables  # noqa: F401 - registers every table on the metadata
from core import privileges
from core.foundation.config import get_settings
from core.foundation.database import Base
from core.foundation.pool import make_engine

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
        if "destination_rev" in context.get_context().opts:  # not for what only looks
            privileges.apply(lambda statement: _run(connection, statement))


def _run(connection: Connection, statement: str) -> Sequence[Any]:
    result = connection.exec_driver_sql(statement)
    return result.all() if result.returns_rows else ()


def _is_ours(_object: object, name: str | None, kind: str, reflected: bool, _to: object) -> bool:
    # Partitions and expression indexes are written by hand in the migrations.
    return not (kind == "index" and reflected and name is not None and name.endswith("_expr"))


async def migrate_online() -> None:
    """Connect and migrate."""
    url = context.get_x_argument(as_dictionary=True).get("url") or get_settings().owner_url
    engine = make_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Offline migrations are not supported: run against the database")
asyncio.run(migrate_online())
