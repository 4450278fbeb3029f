"""The schema goes up, down to nothing and up again, and is what the models say."""

import json
import secrets
import subprocess
import sys

import asyncpg
import pytest

from core.foundation.config import Settings
from tests import servers as testing
from tests.system import ROOT, environment

SCHEMA = """
SELECT 'table ' || relname || ' ' || relkind::text AS what FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic%'
UNION ALL SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || is_nullable
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name NOT LIKE 'alembic%'
UNION ALL SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%'
UNION ALL SELECT 'index ' || indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename NOT LIKE 'alembic%'
UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function ' || proname || md5(prosrc) FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
ORDER BY what
"""


@pytest.fixture(scope="module")
def scratch() -> Settings:
    url = testing.servers().create_database(f"giro_migrations_{secrets.token_hex(4)}")
    return Settings(_env_file=None, database_url=url, secret_key=secrets.token_hex(32))


def alembic(settings: Settings, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), *arguments],
        env=environment(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"alembic {arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


async def schema_of(settings: Settings) -> list[str]:
    connection = await asyncpg.connect(settings.database_url)
    rows = await connection.fetch(SCHEMA)
    await connection.close()
    return [row["what"] for row in rows]


async def test_up_down_and_up_again_makes_the_same_schema(scratch: Settings) -> None:
    # Given an empty database
    assert await schema_of(scratch) == []
    # When it goes up, its schema is what the models say
    alembic(scratch, "upgrade", "head")
    first = await schema_of(scratch)
    assert any(line.startswith("table postings") for line in first)
    alembic(scratch, "check")
    # Then down to base leaves nothing behind, and up again makes the same
    alembic(scratch, "downgrade", "base")
    assert await schema_of(scratch) == []
    alembic(scratch, "upgrade", "head")
    assert await schema_of(scratch) == first


def test_there_is_one_head(scratch: Settings) -> None:
    assert len(alembic(scratch, "heads").strip().splitlines()) == 1


async def test_shares_that_were_kept_too_finely_are_rounded(scratch: Settings) -> None:
    alembic(scratch, "upgrade", "head")
    alembic(scratch, "downgrade", "0041")
    connection = await asyncpg.connect(scratch.database_url)
    terms = {"late_fee_percent": "1.23456789", "fee_tax_percent": "1E-7", "method": "reducing"}
    await connection.execute(
        "INSERT INTO loan_products (code, name, enabled, terms, updated_at)"
        " VALUES ('fine', 'Fine', true, $1, now())",
        json.dumps(terms),
    )
    alembic(scratch, "upgrade", "head")
    kept = await connection.fetchval("SELECT terms FROM loan_products WHERE code = 'fine'")
    await connection.close()
    assert json.loads(kept) == {**terms, "late_fee_percent": "1.234568", "fee_tax_percent": "0"}
