"""What the database itself refuses, whoever the application's code may be."""

from uuid import UUID

import asyncpg
import pytest
from asyncpg.exceptions import (
    CheckViolationError,
    ForeignKeyViolationError,
    InsufficientPrivilegeError,
    UniqueViolationError,
)

from core.foundation.ids import new_id
from core.transactions.orders import Idempotency
from tests.quiet import Quiet

POSTING = (
    "INSERT INTO postings (transaction_id, leg, account_id, ledger_code, amount_minor, currency,"
    " balance_after_minor, booked_at, accounting_date) VALUES "
)


async def try_as_the_bank(quiet: Quiet, statement: str, *values: object) -> None:
    async with quiet.database.unit_of_work() as unit:
        await unit.connection.execute(statement, *values)
        await unit.commit()


async def settled(quiet: Quiet) -> UUID:
    anna, bert = await quiet.account(1_000), await quiet.account()
    accepted = await quiet.transfer(anna, bert, 1)
    await quiet.settler().drain()
    return accepted.transaction_id


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE postings SET amount_minor = 1 WHERE transaction_id = $1",
        "DELETE FROM postings WHERE transaction_id = $1",
    ],
)
async def test_postings_cannot_be_changed_or_deleted(quiet: Quiet, statement: str) -> None:
    with pytest.raises(InsufficientPrivilegeError):
        await try_as_the_bank(quiet, statement, await settled(quiet))


@pytest.mark.parametrize("table", ["postings", "transactions", "accounts"])
async def test_the_books_cannot_be_emptied(quiet: Quiet, table: str) -> None:
    await settled(quiet)
    with pytest.raises(InsufficientPrivilegeError):
        await try_as_the_bank(quiet, f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("table", ["transactions", "accounts"])
async def test_transactions_and_accounts_cannot_be_deleted(quiet: Quiet, table: str) -> None:
    await settled(quiet)
    with pytest.raises(InsufficientPrivilegeError):
        await try_as_the_bank(quiet, f"DELETE FROM {table}")


async def test_even_a_superuser_trips_over_the_append_only_trigger(
    quiet: Quiet, superuser: asyncpg.Connection
) -> None:
    transaction_id = await settled(quiet)
    for statement in ("UPDATE postings SET leg = 9", "DELETE FROM postings"):
        with pytest.raises(InsufficientPrivilegeError, match="append-only"):
            await superuser.execute(f"{statement} WHERE transaction_id = $1", transaction_id)


@pytest.mark.parametrize(
    ("legs", "refusal"),
    [
        ("($1, 0, NULL, '1000', -5, 'EUR', NULL, now(), current_date)", CheckViolationError),
        (
            "($1, 0, NULL, '1000', -5, 'EUR', NULL, now(), current_date),"
            " ($1, 1, NULL, '2900', 5, 'USD', NULL, now(), current_date)",
            CheckViolationError,
        ),
        (
            "($1, 0, NULL, '1000', -5, 'EUR', NULL, now(), current_date),"
            " ($1, 1, NULL, '9999', 5, 'EUR', NULL, now(), current_date)",
            ForeignKeyViolationError,
        ),
        (
            "($1, 0, NULL, '1000', -5, 'EUR', NULL, now(), current_date),"
            " ($1, 1, gen_random_uuid(), NULL, 5, 'EUR', 5, now(), current_date)",
            ForeignKeyViolationError,
        ),
        ("($1, 0, NULL, '1000', 0, 'EUR', NULL, now(), current_date)", CheckViolationError),
        ("($1, 0, NULL, NULL, 5, 'EUR', NULL, now(), current_date)", CheckViolationError),
    ],
    ids=["one-sided", "two currencies", "no ledger account", "no account", "nothing", "nowhere"],
)
async def test_postings_that_do_not_fit_are_refused(
    quiet: Quiet, legs: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await try_as_the_bank(quiet, POSTING + legs, new_id())


@pytest.mark.parametrize(
    "change",
    [
        "status = 'pending', settled_at = NULL",
        "status = 'failed', failure_code = 'insufficient_funds'",
        "amount_minor = 1",
        "debit_account_id = NULL",
        "credit_account_id = NULL",
        "settled_at = now()",
        "type = 'deposit'",
    ],
)
async def test_a_final_state_cannot_change(quiet: Quiet, change: str) -> None:
    transaction_id = await settled(quiet)
    # Of the bank's programs only the worker comes near: its columns. The trigger holds for all.
    with pytest.raises(CheckViolationError, match="final"):
        await quiet.as_owner(f"UPDATE transactions SET {change} WHERE id = $1", transaction_id)


async def test_a_final_transaction_may_be_hidden_and_a_pending_one_not(quiet: Quiet) -> None:
    hide = "UPDATE transactions SET hidden_at = now() WHERE id = $1"
    await try_as_the_bank(quiet, hide, await settled(quiet))
    anna, bert = await quiet.account(100), await quiet.account()
    pending = await quiet.transfer(anna, bert, 1)
    with pytest.raises(CheckViolationError):
        await try_as_the_bank(quiet, hide, pending.transaction_id)
    await quiet.settler().drain()


async def test_a_balance_cannot_pass_its_limit(quiet: Quiet) -> None:
    account = await quiet.account(0, overdraft_minor=50)
    with pytest.raises(CheckViolationError):
        await try_as_the_bank(
            quiet, "UPDATE accounts SET balance_minor = -51 WHERE id = $1", account
        )


async def test_a_transaction_names_accounts_that_exist_and_hold_its_currency(quiet: Quiet) -> None:
    euro, dollar = await quiet.account(), await quiet.account(currency="USD")
    insert = (
        "INSERT INTO transactions (id, type, amount_minor, currency, debit_account_id,"
        " credit_account_id, created_at) VALUES ($1, 'transfer', 1, 'EUR', $2, $3, now())"
    )
    for stranger in (dollar, new_id()):
        with pytest.raises(ForeignKeyViolationError):
            await try_as_the_bank(quiet, insert, new_id(), euro, stranger)
    with pytest.raises(CheckViolationError):
        await try_as_the_bank(quiet, insert, new_id(), euro, euro)


async def test_a_key_is_given_once(quiet: Quiet) -> None:
    anna, bert = await quiet.account(100), await quiet.account()
    key = Idempotency(new_id(), "k")
    await quiet.transfer(anna, bert, 1, idempotency=key)
    with pytest.raises(UniqueViolationError):
        await try_as_the_bank(
            quiet,
            "INSERT INTO idempotency_keys VALUES ($1, $2, '', gen_random_uuid(), now())",
            key.owner_id,
            key.key,
        )
    await quiet.settler().drain()
