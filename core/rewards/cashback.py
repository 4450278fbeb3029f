"""Cashback: a settled payment earns a part of itself, credited a day later.

What a payment earns is written in the unit of work that settles it, so that neither can be without
the other. The scheduler credits what is due by ordinary transactions; the link from the cashback
to its transaction is written in the same commit, so that none is credited twice. What becomes of
it when the payment is taken back stands in ``clawback``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from core.foundation.database import Connection, Database, UnitOfWork
from core.foundation.errors import AccountClosed
from core.foundation.money import to_major
from core.notifications import notices
from core.rewards.clawback import ReversalKind, cashback_rule, payment_of
from core.transactions.decide import Movement, Outcome, Rule, move_amount
from core.transactions.details import CashbackDetails, PaymentDetails
from core.transactions.intake import Intake
from core.transactions.kinds import Kinds, TransactionType
from core.transactions.orders import Accepted, Order, Party, Result, cashback

CREDITED_AFTER: Final = timedelta(hours=24)
TRY_AGAIN_AFTER: Final = timedelta(hours=24)
AT_ONCE: Final = 500
_FIRST_OF_ALL: Final = UUID(int=0)

_EARN = """
INSERT INTO cashbacks (payment_id, account_id, currency, amount_minor, due_at)
SELECT payment_id, account_id, currency, amount_minor, clock_timestamp() + $5
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])
  AS e (payment_id, account_id, currency, amount_minor)
"""
_DUE = """
SELECT c.payment_id, c.account_id, c.currency, c.amount_minor, p.payment_ref
FROM cashbacks c JOIN transactions p ON p.id = c.payment_id
WHERE c.due_at <= $1 AND c.transaction_id IS NULL AND c.cancelled_at IS NULL
  AND c.payment_id >= $3 AND ($4::uuid IS NULL OR c.payment_id < $4)
  AND NOT EXISTS (SELECT FROM transactions r
                  WHERE r.reverses = c.payment_id AND r.status <> 'failed')
ORDER BY c.due_at, c.payment_id LIMIT $2 FOR UPDATE OF c SKIP LOCKED
"""
_CREDITED = """
UPDATE cashbacks c SET transaction_id = d.transaction_id
FROM unnest($1::uuid[], $2::uuid[]) AS d (payment_id, transaction_id)
WHERE c.payment_id = d.payment_id
"""
_CANCEL = """
UPDATE cashbacks SET cancelled_at = clock_timestamp() WHERE payment_id = ANY($1::uuid[])
"""
# A payment that was taken back meanwhile earns nothing any more.
_CANCEL_REVERSED = """
UPDATE cashbacks c SET transaction_id = NULL, cancelled_at = clock_timestamp()
FROM transactions r
WHERE c.payment_id = ANY($1::uuid[]) AND r.reverses = c.payment_id AND r.status = 'success'
RETURNING c.payment_id
"""
# Later than what it was judged by, which may lie ahead of the clock: judged again by the same
# instant, it is not due.
_PUT_OFF = """
UPDATE cashbacks c SET transaction_id = NULL,
       due_at = coalesce($2, greatest(clock_timestamp(), c.due_at)) + $3
FROM transactions p
WHERE c.payment_id = ANY($1::uuid[]) AND p.id = c.payment_id
RETURNING c.payment_id, p.payment_ref
"""


class PaymentKind:
    """A payment moves its amount and earns ``percent`` of it, rounded down to the minor unit."""

    type = TransactionType.PAYMENT.value
    details = PaymentDetails

    def __init__(self, percent: Decimal) -> None:
        self._percent = percent

    async def load(self, _unit: UnitOfWork, _movements: Sequence[Movement]) -> Rule:
        """Nothing to load: the amount moves."""
        return move_amount

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Write down what the settled payments have earned."""
        earned = [
            (outcome.movement, amount_minor)
            for outcome in outcomes
            if outcome.failure is None
            and (amount_minor := earned_minor(outcome.amount_minor, self._percent))
        ]
        if earned:
            await unit.connection.execute(
                _EARN,
                [payment.id for payment, _ in earned],
                [payment.debit_account_id for payment, _ in earned],
                [payment.currency for payment, _ in earned],
                [amount_minor for _, amount_minor in earned],
                CREDITED_AFTER,
            )


class CashbackKind:
    """A cashback moves its amount; one that fails is tried again another day."""

    type = TransactionType.CASHBACK.value
    details = CashbackDetails

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        """Lock the cashbacks: the amount moves, unless the payment was taken back before."""
        return await cashback_rule(unit, movements)

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Let the failed ones fall due again, or never where the payment was taken back."""
        failed = {payment_of(outcome.movement) for outcome in outcomes if outcome.failure}
        if failed:
            rows = await unit.connection.fetch(_CANCEL_REVERSED, list(failed))
            failed -= {row["payment_id"] for row in rows}
        if failed:
            await _put_off(unit.connection, sorted(failed))


def register(kinds: Kinds, *, percent: Decimal) -> None:
    """Settle payments, cashbacks and reversals as here and in ``clawback``, at ``percent``."""
    kinds.replace(PaymentKind(percent))
    kinds.replace(CashbackKind())
    kinds.replace(ReversalKind())


def earned_minor(amount_minor: int, percent: Decimal) -> int:
    """``percent`` of the amount, rounded down: 2 % of 149 cents are 2 cents."""
    return int(amount_minor * percent / 100)


class Credited(NamedTuple):
    """How many cashbacks were looked at, and the transactions that credit them."""

    looked_at: int
    submitted: Sequence[UUID]


async def credit_due(database: Database, intake: Intake, now: datetime) -> int:
    """Submit all that has fallen due by ``now``; answers how many.

    Each cashback is looked at once.
    """
    submitted = 0
    while True:
        async with database.unit_of_work() as unit:
            credited = await credit(unit, intake, now)
            await unit.commit()
        if not credited.looked_at:
            return submitted
        submitted += len(credited.submitted)


async def credit(
    unit: UnitOfWork,
    intake: Intake,
    now: datetime,
    first: UUID = _FIRST_OF_ALL,
    following: UUID | None = None,
) -> Credited:
    """Submit what has fallen due by ``now``, ``AT_ONCE`` at most; of payments in that range of ids.

    An account that is frozen waits for another day, which the staff are told; one that was closed
    has lost its cashback.
    """
    due = await unit.connection.fetch(_DUE, now, AT_ONCE, first, following)
    if not due:
        return Credited(0, [])
    results = await intake.accept(unit, [_order(row) for row in due])
    return Credited(len(due), await _note(unit.connection, due, results, now))


def _order(row: Any) -> Order:
    return cashback(
        Party(str(row["account_id"])),
        to_major(row["amount_minor"], row["currency"]),
        payment_id=row["payment_id"],
        description=f"Cashback of {row['payment_ref']}",
    )


async def _note(
    connection: Connection, due: Sequence[Any], results: Sequence[Result], now: datetime
) -> list[UUID]:
    paid: list[tuple[UUID, UUID]] = []
    lost: list[UUID] = []
    later: list[UUID] = []
    for row, result in zip(due, results, strict=True):
        payment_id: UUID = row["payment_id"]
        if isinstance(result, Accepted):
            paid.append((payment_id, result.transaction_id))
        elif isinstance(result, AccountClosed):
            lost.append(payment_id)
        else:
            later.append(payment_id)
    await connection.execute(_CREDITED, [p for p, _ in paid], [t for _, t in paid])
    await connection.execute(_CANCEL, lost)
    if later:
        await _put_off(connection, later, now)
    return [transaction_id for _, transaction_id in paid]


async def _put_off(
    connection: Connection, payment_ids: Sequence[UUID], judged_by: datetime | None = None
) -> None:
    """Let them fall due ``TRY_AGAIN_AFTER`` the instant they were judged by, and tell the staff.

    Without ``judged_by``: after they fell due, or after now if that is later.
    """
    rows = await connection.fetch(_PUT_OFF, list(payment_ids), judged_by, TRY_AGAIN_AFTER)
    await notices.write(connection, [_told(row["payment_id"], row["payment_ref"]) for row in rows])


def _told(payment_id: UUID, payment_ref: str) -> notices.Notice:
    return notices.Notice(
        None,
        "cashback_put_off",
        "A cashback could not be credited",
        f"The cashback of {payment_ref} could not be credited: its account takes no money now. "
        "It is tried again every day.",
        once=f"cashback_put_off:{payment_id}",
    )
