"""Loans of the schema of 0023 go up with what they were charged, and down again."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from core.foundation.config import Settings
from core.lending.amortisation import Rounding
from core.lending.amortisation.rounding import round_ratio
from core.lending.collections.penalties import EXACT_OVER
from tests import servers as testing
from tests.migrations.test_migrations import alembic

# What the rows refer to is not needed; no trigger is asked either.
_REFER_TO_NOTHING = """
DO $$ DECLARE each record; BEGIN
  FOR each IN SELECT conrelid::regclass AS of, conname FROM pg_constraint
    WHERE contype = 'f' AND conrelid IN ('loans'::regclass, 'loan_instalments'::regclass)
  LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', each.of, each.conname); END LOOP;
END $$
"""
_LOANS = """
INSERT INTO loans (id, user_id, account_id, product_code, status, currency, amount_minor,
  tenure_months, interest_rate, terms, emi_minor, monthly_emi_minor, applied_at, disbursed_at,
  disbursed_on, last_closed_on, assessed_on, disbursement_transaction_id, principal_disbursed_minor,
  principal_outstanding_minor)
SELECT lpad(n::text, 32, '0')::uuid, lpad('9', 32, '0')::uuid, lpad('8', 32, '0')::uuid, 'standard',
  'active', 'EUR', 100000, 12, 12, jsonb_build_object('rounding', rounding), 8885, 8885, now(),
  now(), '2026-01-01', '2026-03-01', '2026-03-01', gen_random_uuid(), 100000, 100000
FROM unnest($1::text[]) WITH ORDINALITY AS r (rounding, n)
"""
_LINES = """
INSERT INTO loan_instalments (loan_id, version, number, period_start, due_date, opening_minor,
  principal_minor, interest_minor, penal_carried)
SELECT lpad(n::text, 32, '0')::uuid, 1, 1, '2026-01-01', '2026-02-01', 100000, 7885, 1000, carried
FROM unnest($1::numeric[]) WITH ORDINALITY AS r (carried, n)
"""
_CARRIED = "SELECT penal_carried FROM loan_instalments ORDER BY loan_id"
_SUSPENSE = """
INSERT INTO postings (transaction_id, leg, ledger_code, amount_minor, currency, booked_at,
  accounting_date)
VALUES (gen_random_uuid(), 1, '2300', 100, 'EUR', now(), '2026-03-01')
"""


@asynccontextmanager
async def at(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("SET session_replication_role = replica")
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def scratch() -> Settings:
    servers, name = testing.servers(), f"giro_loans_{secrets.token_hex(4)}"
    servers.create_database(name)
    url = servers.superuser_url(name)
    return Settings(_env_file=None, database_url=url, secret_key=secrets.token_hex(32))


async def test_late_loans_owe_what_they_owed_and_money_that_no_column_knows_keeps_the_schema(
    scratch: Settings,
) -> None:
    modes = [Rounding.HALF_UP, Rounding.HALF_UP, Rounding.UP, Rounding.DOWN]
    alembic(scratch, "upgrade", "0023")
    async with at(scratch) as connection:
        await connection.execute(_REFER_TO_NOTHING)
        await connection.execute(_LOANS, [mode.value for mode in modes])
        await connection.execute(_LINES, ["0.6", "0.25", "0.6", "0.6"])
    alembic(scratch, "upgrade", "head")
    async with at(scratch) as connection:
        carried = [int(row[0]) for row in await connection.fetch(_CARRIED)]
        assert await connection.fetchval("SELECT count(*) FROM loans WHERE charged_on IS NULL") == 0
    assert carried == [EXACT_OVER // 2 - 1, EXACT_OVER // 4, 0, EXACT_OVER * 6 // 10]
    for mode, before in zip(modes, carried, strict=True):
        assert round_ratio(before, EXACT_OVER, mode) == 0, "nothing of it was charged"

    async with at(scratch) as connection:
        await connection.execute(_SUSPENSE)
    with pytest.raises(AssertionError, match="money stands on the ledger accounts 2300"):
        alembic(scratch, "downgrade", "0037")
    async with at(scratch) as connection:
        await connection.execute("DELETE FROM postings")
    alembic(scratch, "downgrade", "0023")
    async with at(scratch) as connection:
        kept = [float(row[0]) for row in await connection.fetch(_CARRIED)]
    assert kept == pytest.approx([0.5, 0.25, 0, 0.6])
