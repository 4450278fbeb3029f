"""The fingerprints that `giro verify` goes by are those of the schema at head."""

import asyncpg
import pytest_asyncio

from core.foundation.config import Settings
from core.verification.guards import FUNCTION_PRINT, FUNCTIONS, TRIGGER_PRINT, TRIGGERS

HEAD_FUNCTIONS = f"""
SELECT p.proname::text AS name, {FUNCTION_PRINT} AS print
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'public'::regnamespace ORDER BY name
"""
HEAD_TRIGGERS = f"""
SELECT c.relname::text AS on_table, t.tgname::text AS name, {TRIGGER_PRINT} AS print
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal ORDER BY on_table, name
"""
TOLD = "a migration changed a guard: core/verification/guards.py should say"


@pytest_asyncio.fixture(loop_scope="session")
async def head(quiet_settings: Settings) -> asyncpg.Connection:
    connection = await asyncpg.connect(quiet_settings.owner_url)
    yield connection
    await connection.close()


async def test_the_functions_are_those_of_head(head: asyncpg.Connection) -> None:
    found = {row["name"]: row["print"] for row in await head.fetch(HEAD_FUNCTIONS)}
    assert found == FUNCTIONS, f"{TOLD} FUNCTIONS = {found}"


async def test_the_triggers_are_those_of_head(head: asyncpg.Connection) -> None:
    rows = await head.fetch(HEAD_TRIGGERS)
    found = {(row["on_table"], row["name"]): row["print"] for row in rows}
    assert found == TRIGGERS, f"{TOLD} TRIGGERS = {found}"
