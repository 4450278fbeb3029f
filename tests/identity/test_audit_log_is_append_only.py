"""What is in the audit log stays there, whoever asks."""

import asyncpg
import pytest

from core.audit.log import Actor, record
from core.foundation.database import Database


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET action = 'nothing'", "DELETE FROM audit_log", "TRUNCATE audit_log"],
)
async def test_entries_are_neither_changed_nor_removed(
    database: Database, superuser: asyncpg.Connection, statement: str
) -> None:
    async with database.unit_of_work() as unit:
        record(unit.session, Actor(None, "system"), "test.deed", subject_type="test")
        await unit.commit()
    # No program holds the privilege; a superuser, who needs none, trips over the trigger.
    async with database.unit_of_work() as unit:
        with pytest.raises(asyncpg.PostgresError, match="permission denied"):
            await unit.connection.execute(statement)
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await superuser.execute(statement)
