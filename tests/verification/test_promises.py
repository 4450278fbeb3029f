"""``verify`` sees books that were corrupted on purpose, and names the promise that was broken.

Each story forges the books as only the superuser can, with triggers and constraints out of the
way, in a unit of work that is rolled back: the next story finds them sound again.
"""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from core.foundation.config import Settings
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.ledger.snapshots import take_snapshot
from core.transactions.orders import Idempotency
from core.transactions.reversal import accept_reversal, find_original
from core.verification import verify
from core.verification.verify import check_all
from tests import servers as testing
from tests.conftest import fresh_settings
from tests.quiet import Quiet


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scratch() -> AsyncIterator[Settings]:
    """A database of its own with a little of everything on its books."""
    settings = fresh_settings("scratch")
    database = Database.from_settings(settings, name="test")
    async with Quiet.open(database, settings) as quiet:
        anna, bert = await quiet.account(10_000, overdraft_minor=500), await quiet.account(6_000)
        dinar = await quiet.account(0, currency="KWD")
        await quiet.deposit(dinar, "1.234")
        key = Idempotency(new_id(), "k")
        paid = await quiet.transfer(anna, bert, 25, idempotency=key)
        await quiet.transfer(bert, anna, 50)
        await quiet.transfer(bert, anna, 50)  # fails: no longer covered
        await quiet.settler().drain()
        async with database.unit_of_work() as unit:
            original = await find_original(unit.connection, paid.transaction_id)
            await accept_reversal(unit, quiet.intake, original, by=new_id(), request_id=None)
            await unit.commit()
        await quiet.settler().drain()
        await quiet.transfer(anna, bert, 3, idempotency=Idempotency(key.owner_id, "k2"))
        await take_snapshot(database)
        assert all(result.ok for result in await verify(database))
    await database.close()
    yield settings


@pytest_asyncio.fixture(loop_scope="session")
async def forger(scratch: Settings) -> AsyncIterator[asyncpg.Connection]:
    """The superuser inside a unit of work that will be rolled back."""
    name = scratch.database_url.rpartition("/")[2]
    connection = await asyncpg.connect(testing.servers().superuser_url(name))
    await connection.set_type_codec(
        "jsonb", encoder=str, decoder=lambda text: text, schema="pg_catalog"
    )
    undo = connection.transaction()
    await undo.start()
    await connection.execute("SET LOCAL session_replication_role = 'replica'")
    yield connection
    await undo.rollback()
    await connection.close()


async def broken_promises(connection: Any) -> set[int]:
    """The promises that the checks find broken, as the forger's unit of work shows the books."""
    found = await check_all(connection)
    for result in found:
        assert result.ok or result.breaches[0].what
    return {result.promise for result in found if not result.ok}


ONE_POSTING = "(SELECT min(entry_no) FROM postings WHERE account_id IS NOT NULL)"
FORGERIES = {
    # 1: money is conserved
    "a leg is worth more than the other": (
        {1},
        "UPDATE postings SET amount_minor = amount_minor - 1 WHERE entry_no ="
        " (SELECT max(entry_no) FROM postings WHERE ledger_code IS NOT NULL)",
    ),
    "a leg is gone": (
        {1},
        "DELETE FROM postings WHERE entry_no ="
        " (SELECT max(entry_no) FROM postings WHERE ledger_code IS NOT NULL)",
    ),
    "a snapshot lies": (
        {1},
        "UPDATE ledger_balance_snapshots SET balance_minor = balance_minor + 5"
        " WHERE ledger_code = '1000' AND currency = 'EUR'",
    ),
    # 2: balances are their postings
    "two balances were swapped by hand": (
        {2},
        "UPDATE accounts SET balance_minor = balance_minor + CASE status_rank WHEN 1 THEN 7"
        " ELSE -7 END FROM (SELECT id AS swapped, row_number() OVER (ORDER BY balance_minor DESC)"
        " AS status_rank FROM accounts WHERE currency = 'EUR') AS ranked"
        " WHERE id = swapped AND status_rank <= 2 AND balance_minor >= 7",
    ),
    "a balance_after is wrong": (
        {2},
        f"UPDATE postings SET balance_after_minor = 1 WHERE entry_no = {ONE_POSTING}",
    ),
    "an entry was moved to an hour after the next": (
        {2, 4},
        "UPDATE postings SET booked_at = booked_at + interval '1 hour'"
        f" WHERE entry_no = {ONE_POSTING}",
    ),
    # 3: no balance below its limit
    "a limit was taken away under a balance": (
        {3},
        "ALTER TABLE accounts DROP CONSTRAINT ck_accounts_overdraft,"
        " DROP CONSTRAINT ck_accounts_overdraft_limit;"
        "UPDATE accounts SET overdraft_limit_minor = -100000 WHERE currency = 'KWD'",
    ),
    # 4: every accepted transaction ends once
    "a settled payment was called failed": (
        {4},
        "UPDATE transactions SET status = 'failed', failure_code = 'x' WHERE id ="
        " (SELECT id FROM transactions WHERE status = 'success' ORDER BY seq LIMIT 1)",
    ),
    "a failed payment was called settled": (
        {4},
        "UPDATE transactions SET status = 'success', failure_code = NULL WHERE status = 'failed'",
    ),
    "a settled payment went back to pending": (
        {4},
        "UPDATE transactions SET status = 'pending', settled_at = NULL WHERE id ="
        " (SELECT id FROM transactions WHERE status = 'success' ORDER BY seq LIMIT 1)",
    ),
    "a settled payment is gone, its postings are not": (
        {4},
        "DELETE FROM transactions WHERE id = (SELECT id FROM transactions"
        " WHERE status = 'success' AND reverses IS NULL AND type = 'deposit' LIMIT 1)",
    ),
    "a payment says another amount than it moved": (
        {4},
        "UPDATE transactions SET amount_minor = amount_minor + 1 WHERE id ="
        " (SELECT id FROM transactions WHERE type = 'transfer' AND status = 'success' LIMIT 1)",
    ),
    "final states may change": (
        {4},
        "ALTER TABLE transactions DISABLE TRIGGER transactions_final",
    ),
    "final states may change, though there is a trigger of that name": (
        {4},
        "DROP TRIGGER transactions_final ON transactions;"
        "CREATE TRIGGER transactions_final BEFORE UPDATE ON transactions FOR EACH ROW"
        " WHEN (false) EXECUTE FUNCTION transactions_stay_final()",
    ),
    "transactions may be deleted by whoever applies a replica's changes": (
        {4},
        "ALTER TABLE transactions ENABLE REPLICA TRIGGER transactions_never_deleted",
    ),
    "a payment was settled at another time than its postings": (
        {4},
        "UPDATE transactions SET settled_at = settled_at - interval '1 day' WHERE id ="
        " (SELECT id FROM transactions WHERE status = 'success' ORDER BY seq LIMIT 1)",
    ),
    "the time of a posting was changed": (
        {2, 4},
        "UPDATE postings SET booked_at = booked_at + interval '1 microsecond' WHERE entry_no ="
        " (SELECT max(entry_no) FROM postings WHERE account_id IS NOT NULL)",
    ),
    # 5: one key, one transaction
    "a key stands for nothing": (
        {5},
        "UPDATE idempotency_keys SET resource_id = gen_random_uuid() WHERE key = 'k'",
    ),
    "an accepted payment with a key is gone": (
        {5},
        "DELETE FROM transactions WHERE status = 'pending'",
    ),
    "a payment was reversed twice": (
        {5},
        "DROP INDEX uq_transactions_reverses;"
        "UPDATE transactions SET reverses = (SELECT reverses FROM transactions"
        " WHERE reverses IS NOT NULL) WHERE type = 'transfer' AND status = 'success'",
    ),
    "a payment that was taken back kept its cashback": (
        {5},
        "INSERT INTO cashbacks (payment_id, account_id, currency, amount_minor, due_at,"
        " transaction_id) SELECT o.id, o.debit_account_id, o.currency, 1, now(), o.id"
        " FROM transactions o JOIN transactions r ON r.reverses = o.id",
    ),
    # 6: collected once
    "an instalment was collected by a transaction that no attempt knows": (
        {6},
        "INSERT INTO transactions (id, type, amount_minor, currency, debit_account_id, created_at,"
        " details) SELECT gen_random_uuid(), 'emi', 5, 'EUR', id, now(), '{\"loan_id\": \"x\"}'"
        " FROM accounts WHERE currency = 'EUR' LIMIT 1",
    ),
    "a collection is on record as another attempt's": (
        {6},
        "WITH emi AS (INSERT INTO transactions (id, type, amount_minor, currency,"
        " debit_account_id, created_at, details) SELECT gen_random_uuid(), 'emi', 5, 'EUR', id,"
        " now(), jsonb_build_object('loan_id', id, 'version', 1, 'instalment', 1, 'attempt', 2)"
        " FROM accounts WHERE currency = 'EUR' LIMIT 1 RETURNING id, debit_account_id)"
        "INSERT INTO loan_collections (loan_id, version, number, attempt, transaction_id,"
        " business_date, requested_minor, status)"
        " SELECT debit_account_id, 1, 1, 1, id, '2026-01-01', 5, 'pending' FROM emi",
    ),
    "an attempt names a transaction that collects nothing": (
        {6},
        "INSERT INTO loan_collections (loan_id, version, number, attempt, transaction_id,"
        " business_date, requested_minor, collected_minor, status)"
        " SELECT gen_random_uuid(), 1, 1, 1, id, '2026-01-01', amount_minor, amount_minor,"
        " 'success' FROM transactions WHERE type = 'transfer' AND status = 'success' LIMIT 1",
    ),
    "an attempt still waits for a transaction that has failed": (
        {6},
        "WITH emi AS (INSERT INTO transactions (id, type, amount_minor, currency,"
        " debit_account_id, created_at, details, status, settled_at, failure_code)"
        " SELECT gen_random_uuid(), 'emi', 5, 'EUR', id, now(),"
        " jsonb_build_object('loan_id', id, 'version', 1, 'instalment', 1, 'attempt', 1),"
        " 'failed', now(), 'internal'"
        " FROM accounts WHERE currency = 'EUR' LIMIT 1 RETURNING id, debit_account_id)"
        "INSERT INTO loan_collections (loan_id, version, number, attempt, transaction_id,"
        " business_date, requested_minor, status)"
        " SELECT debit_account_id, 1, 1, 1, id, '2026-01-01', 5, 'pending' FROM emi",
    ),
    # 8: what was written stays
    "the audit log may be changed": (
        {8},
        "ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only",
    ),
    "the audit log's trigger is gone": ({8}, "DROP TRIGGER audit_log_append_only ON audit_log"),
    "accounts may be deleted": ({8}, "DROP TRIGGER accounts_never_deleted ON accounts"),
    "a trigger's function was gutted": (
        {8},
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NULL; END'",
    ),
    "postings are no longer summed up as they come in": (
        {8},
        "CREATE OR REPLACE FUNCTION postings_must_balance() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NULL; END'",
    ),
    "a trigger of a stranger's sits on the postings": (
        {8},
        "CREATE TRIGGER skim BEFORE INSERT ON postings EXECUTE FUNCTION refuse_change()",
    ),
    "a rule swallows what the audit log is told": (
        {8},
        "CREATE RULE silence AS ON INSERT TO audit_log DO INSTEAD NOTHING",
    ),
    "an account's owner need not exist": ({8}, "ALTER TABLE accounts DISABLE TRIGGER ALL"),
    "a program may change balances that is not to": (
        {8},
        "GRANT UPDATE (balance_minor) ON accounts TO giro_api",
    ),
    "everybody may empty the audit log": ({8}, "GRANT TRUNCATE ON audit_log TO PUBLIC"),
    "a stranger may change postings": (
        {8},
        "CREATE ROLE giro_stranger; GRANT UPDATE ON postings TO giro_stranger",
    ),
    "a program was made one of the owners": ({8}, "GRANT giro_owner TO giro_api"),
    "a program was put above all privileges": ({8}, "ALTER ROLE giro_worker SUPERUSER"),
    "a program owns a table": (
        {8},
        "GRANT CREATE ON SCHEMA public TO giro_api; ALTER TABLE postings OWNER TO giro_api;"
        "REVOKE CREATE ON SCHEMA public FROM giro_api",
    ),
    "postings may be changed": ({8}, "ALTER TABLE postings DISABLE TRIGGER postings_append_only"),
    "unbalanced postings may come in": ({8}, "DROP TRIGGER postings_balance ON postings"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forgery_is_found_and_named(forger: asyncpg.Connection, forgery: str) -> None:
    promises, statements = FORGERIES[forgery]
    assert await broken_promises(forger) == set()
    await forger.execute(statements)
    found = await broken_promises(forger)
    # A forged posting breaks what follows from it, too; its own promise is always among them.
    assert promises <= found
    if promises != {1}:
        assert found == promises


async def test_the_privilege_to_change_postings_is_a_breach(
    scratch: Settings, forger: asyncpg.Connection
) -> None:
    owner = await forger.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 'postings'")
    await forger.execute(f'GRANT UPDATE ON postings TO "{owner}"')
    await forger.execute(f'SET LOCAL ROLE "{owner}"')
    assert await broken_promises(forger) == {8}


async def test_sound_books_pass_with_figures(scratch: Settings) -> None:
    database = Database.from_settings(scratch, name="test")
    results = await verify(database)
    await database.close()
    assert all(result.ok for result in results)
    assert {result.promise for result in results} >= {1, 2, 3, 4, 5, 8}
    looked_at = Counter[int]()
    for result in results:
        looked_at[result.promise] += result.looked_at
    assert all(looked_at[promise] > 0 for promise in (1, 2, 3, 4, 5, 8))
