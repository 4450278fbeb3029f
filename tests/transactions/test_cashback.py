"""Payments earn cashback: rounded down, a day later, once."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from core.foundation import clock
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.ledger.chart import LedgerCode
from core.rewards.cashback import credit_due, earned_minor, register
from core.transactions import orders
from core.transactions.intake import Intake
from core.transactions.kinds import Kinds
from core.transactions.orders import Party
from core.transactions.reversal import accept_reversal, find_original
from core.transactions.settle import Settler
from tests.bank import Bank
from tests.quiet import Quiet, Silence
from tests.transactions.books import assert_books_are_sound

DAY = timedelta(hours=24)


def settler(quiet: Quiet) -> Settler:
    kinds = Kinds()
    register(kinds, percent=Decimal(2))
    return quiet.settler(kinds=kinds)


async def pay(quiet: Quiet, account: UUID, amount: str) -> UUID:
    """A settled payment of ``amount`` euros."""
    order = orders.payment(Party(str(account)), Decimal(amount), payee="Stadtwerke")
    await quiet.intake.submit(order)
    await settler(quiet).drain()
    return order.id


async def take_back(quiet: Quiet, payment: UUID) -> UUID:
    """Accept the payment's reversal; not settled yet."""
    async with quiet.database.unit_of_work() as unit:
        original = await find_original(unit.connection, payment)
        accepted = await accept_reversal(unit, quiet.intake, original, by=new_id(), request_id=None)
        await unit.commit()
    return accepted.transaction_id


async def credited(quiet: Quiet, at: datetime) -> int:
    """Credit what is due ``at`` that instant, and settle it."""
    submitted = await credit_due(quiet.database, quiet.intake, at)
    await settler(quiet).drain()
    return submitted


@pytest.mark.parametrize(
    ("amount", "percent", "earned"),
    [(14_999, "2", 299), (49, "2", 0), (50, "2", 1), (10_000, "0", 0), (333, "1.5", 4),
     (10**15, "2", 2 * 10**13)],
)  # fmt: skip
def test_cashback_is_rounded_down_and_exact(amount: int, percent: str, earned: int) -> None:
    assert earned_minor(amount, Decimal(percent)) == earned


async def test_a_payment_earns_its_part_a_day_later(quiet: Quiet) -> None:
    account = await quiet.account(20_000)
    await pay(quiet, account, "149.99")
    assert await quiet.balance(account) == 5_001
    await credited(quiet, clock.now() + DAY - timedelta(minutes=5))
    assert await quiet.balance(account) == 5_001, "not before its time"
    assert await credited(quiet, clock.now() + DAY) >= 1
    assert await quiet.balance(account) == 5_300


async def test_what_rounds_to_nothing_earns_nothing(quiet: Quiet) -> None:
    account = await quiet.account(100)
    await pay(quiet, account, "0.49")
    await credited(quiet, clock.now() + DAY)
    assert await quiet.balance(account) == 51


async def test_several_schedulers_at_once_credit_once(quiet: Quiet, database: Database) -> None:
    account = await quiet.account(100_000)
    for _ in range(5):
        await pay(quiet, account, "100.00")
    later = clock.now() + DAY
    await asyncio.gather(*(credit_due(database, quiet.intake, later) for _ in range(6)))
    await settler(quiet).drain()
    await credited(quiet, later)
    assert await quiet.balance(account) == 50_000 + 5 * 200


async def test_a_payment_taken_back_earns_nothing(quiet: Quiet) -> None:
    account = await quiet.account(10_000)
    payment = await pay(quiet, account, "100.00")
    await take_back(quiet, payment)
    await settler(quiet).drain()
    await credited(quiet, clock.now() + DAY)
    assert await quiet.balance(account) == 10_000


async def expense(quiet: Quiet, payment: UUID) -> int:
    """What the payment's cashback has cost the bank, in minor units."""
    async with quiet.database.read() as reader:
        cost: int = await reader.fetchval(
            "SELECT coalesce(-sum(p.amount_minor), 0)::bigint FROM postings p"
            " JOIN transactions t ON t.id = p.transaction_id"
            " WHERE p.ledger_code = $2 AND (t.reverses = $1 OR t.details->>'payment_id' = $3)",
            payment,
            LedgerCode.CASHBACK_EXPENSE.value,
            str(payment),
        )
    return cost


async def test_a_credited_cashback_goes_back_with_its_payment(quiet: Quiet) -> None:
    account = await quiet.account(10_000)
    payment = await pay(quiet, account, "100.00")
    await credited(quiet, clock.now() + DAY)
    assert (await quiet.balance(account), await expense(quiet, payment)) == (200, 200)
    await take_back(quiet, payment)
    await settler(quiet).drain()
    assert (await quiet.balance(account), await expense(quiet, payment)) == (10_000, 0)
    await assert_books_are_sound(quiet)


async def test_a_cashback_that_is_spent_is_taken_from_what_the_reversal_brings(
    quiet: Quiet,
) -> None:
    account, other = await quiet.account(10_000), await quiet.account()
    payment = await pay(quiet, account, "100.00")
    await credited(quiet, clock.now() + DAY)
    await quiet.transfer(account, other, 2)
    await settler(quiet).drain()
    assert await quiet.balance(account) == 0
    reversal = await take_back(quiet, payment)
    await quiet.transfer(account, other, "98.00")  # all that comes back, in the same batch
    await settler(quiet).drain()
    assert await quiet.states([reversal]) == [("success", None)]
    assert (await quiet.balance(account), await quiet.balance(other)) == (0, 10_000)
    await assert_books_are_sound(quiet)


@pytest.mark.parametrize("batch_size", [1, 100], ids=["one by one", "in one batch"])
@pytest.mark.parametrize("first", ["cashback", "reversal"])
async def test_a_cashback_and_a_reversal_under_way_together_leave_neither(
    quiet: Quiet, database: Database, first: str, batch_size: int
) -> None:
    account = await quiet.account(10_000)
    payment = await pay(quiet, account, "100.00")
    later = clock.now() + DAY
    if first == "cashback":
        await credit_due(database, quiet.intake, later)
        await take_back(quiet, payment)
    else:
        # What is due was read a moment before the reversal was there to be seen.
        reversal = await take_back(quiet, payment)
        name = "UPDATE transactions SET reverses = $2 WHERE id = $1"
        await quiet.as_owner(name, reversal, None)
        await credit_due(database, quiet.intake, later)
        await quiet.as_owner(name, reversal, payment)
    kinds = Kinds()
    register(kinds, percent=Decimal(2))
    await quiet.settler(kinds=kinds, batch_size=batch_size).drain()
    await credited(quiet, later + 7 * DAY)
    assert (await quiet.balance(account), await expense(quiet, payment)) == (10_000, 0)
    await assert_books_are_sound(quiet)


async def test_a_reversal_that_fails_leaves_the_cashback_to_come(
    quiet: Quiet, database: Database
) -> None:
    account = await quiet.account(10_000)
    payment = await pay(quiet, account, "100.00")
    later = clock.now() + DAY
    reversal = await take_back(quiet, payment)
    await credit_due(database, quiet.intake, later)
    await set_status(database, account, "frozen")
    await settler(quiet).drain()
    assert await quiet.states([reversal]) == [("failed", "account_frozen")]
    await set_status(database, account, "active")
    assert await quiet.balance(account) == 0, "nothing is credited while it may be taken back"
    await credited(quiet, later)
    assert await quiet.balance(account) == 200
    await assert_books_are_sound(quiet)


async def test_reversals_and_crediting_at_once_never_leave_both(
    quiet: Quiet, database: Database
) -> None:
    account = await quiet.account(100_000)
    payments = [await pay(quiet, account, "100.00") for _ in range(8)]
    later = clock.now() + DAY
    await asyncio.gather(
        *(credit_due(database, quiet.intake, later) for _ in range(3)),
        *(take_back(quiet, payment) for payment in payments),
        *(settler(quiet).drain() for _ in range(3)),
    )
    await settler(quiet).drain()
    await credited(quiet, later)
    assert await quiet.balance(account) == 100_000
    await assert_books_are_sound(quiet)


async def set_status(database: Database, account: UUID, status: str) -> None:
    async with database.unit_of_work() as unit:
        await unit.connection.execute(
            "UPDATE accounts SET status = $2 WHERE id = $1", account, status
        )
        await unit.commit()


async def told_of(database: Database, payment: UUID) -> list[str]:
    """What the staff were told of a payment's cashback."""
    async with database.read() as reader:
        rows = await reader.fetch(
            "SELECT n.body FROM notifications n JOIN transactions p"
            " ON n.body LIKE '%' || p.payment_ref || '%' WHERE n.to_staff AND p.id = $1",
            payment,
        )
    return [row["body"] for row in rows]


async def test_a_frozen_account_gets_it_another_day(quiet: Quiet, database: Database) -> None:
    account = await quiet.account(10_000)
    payment = await pay(quiet, account, "100.00")
    await set_status(database, account, "frozen")
    await credited(quiet, clock.now() + DAY)
    # It is put off by the date it was judged by, and the staff are told, once
    await credited(quiet, clock.now() + 2 * DAY)
    assert len(await told_of(database, payment)) == 1
    await set_status(database, account, "active")
    await credited(quiet, clock.now() + 2 * DAY)
    assert await quiet.balance(account) == 0
    await credited(quiet, clock.now() + 3 * DAY)
    assert await quiet.balance(account) == 200


async def test_a_date_far_ahead_closes_although_a_cashback_cannot_be_credited(
    quiet: Quiet, database: Database
) -> None:
    # Given a payment whose cashback falls due tomorrow, and its account frozen
    account = await quiet.account(10_000)
    payment = await pay(quiet, account, "100.00")
    await set_status(database, account, "frozen")
    # When a date far ahead is closed, it is looked at once, put off, and the rest goes on
    async with asyncio.timeout(5):
        await credit_due(database, quiet.intake, clock.now() + 60 * DAY)
    assert len(await told_of(database, payment)) == 1
    await set_status(database, account, "active")
    assert await quiet.balance(account) == 0
    await credited(quiet, clock.now() + 61 * DAY)
    assert await quiet.balance(account) == 200


async def test_a_cashback_that_fails_at_settlement_comes_again(
    quiet: Quiet, database: Database
) -> None:
    account = await quiet.account(10_000)
    payment = await pay(quiet, account, "100.00")
    await credit_due(database, quiet.intake, clock.now() + DAY)
    await set_status(database, account, "frozen")
    await settler(quiet).drain()
    await set_status(database, account, "active")
    assert await quiet.balance(account) == 0
    assert len(await told_of(database, payment)) == 1
    await credited(quiet, clock.now() + DAY)
    assert await quiet.balance(account) == 0, "another day"
    await credited(quiet, clock.now() + 2 * DAY)
    assert await quiet.balance(account) == 200


async def test_the_workers_own_role_may_credit_what_is_due(bank: Bank) -> None:
    # Given a customer of the running bank who has paid somebody
    customer = await bank.customer()
    account = await customer.open_account(1_000)
    paid = {"amount": 100, "payee": "Stadtwerke"}
    wait = {"Prefer": "wait=10"}
    assert (await customer.post("/transactions/payment", paid, headers=wait)).status_code == 200
    # When its cashback falls due, and a worker credits it by the role that it has in production
    database = Database.from_settings(bank.system.settings.as_worker(), name="test")
    intake = Intake(database, Silence())
    assert await credit_due(database, intake, clock.now() + 2 * DAY) >= 1
    await database.close()
    # Then it comes to the account
    async with asyncio.timeout(20):
        while await customer.balance(account) != 902:  # noqa: ASYNC110 - another process settles
            await asyncio.sleep(0.1)
