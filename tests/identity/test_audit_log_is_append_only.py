"""What is in the audit log stays there, whoever asks."""

import asyncpg
import pytest

from core.audit.log import Actor, record
from core.database import Database


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET action = 'nothing'", "DELETE FROM audit_log", "TRUNCATE audit_log"],
)
async def test_entries_are_neither_changed_nor_removed(database: Database, statement: str) -> None:
    async with database.unit_of_work() as session:
        record(session, Actor(None, "system"), "test.deed", subject_type="test")
        await session.commit()
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        async with database.raw_unit_of_work() as connection:
            await connection.execute(statement)
