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
from core.notifications import inbox
from core.rewards.clawback import ReversalKind, cashback_rule, payment_of
from core.transactions.decide import Movement, Outcome, Rule, move_amount
from core.transactions.details import CashbackDetails, PaymentDetails
from core.transactions.intake import Intake
from core.transactions.kinds import Kinds, TransactionType
from core.transactions.orders import Accepted, Order, Party, Result, cashback
from core.transactions.results import payment_refs, taken_back, under_reversal

CREDITED_AFTER: Final = timedelta(hours=24)
TRY_AGAIN_AFTER: Final = timedelta(hours=24)
AT_ONCE: Final = 500
FIRST_OF_ALL: Final = UUID(int=0)

_EARN = """
INSERT INTO cashbacks (payment_id, account_id, currency, amount_minor, due_at)
SELECT payment_id, account_id, currency, amount_minor, clock_timestamp() + $5
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])
  AS e (payment_id, account_id, currency, amount_minor)
"""
# What is about to be taken back waits for that.
_DUE = """
SELECT payment_id, account_id, currency, amount_minor FROM cashbacks
WHERE due_at <= $1 AND transaction_id IS NULL AND cancelled_at IS NULL
  AND payment_id >= $3 AND ($4::uuid IS NULL OR payment_id < $4) AND payment_id <> ALL($5::uuid[])
ORDER BY due_at, payment_id LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_CREDITED = """
UPDATE cashbacks c SET transaction_id = d.transaction_id
FROM unnest($1::uuid[], $2::uuid[]) AS d (payment_id, transaction_id)
WHERE c.payment_id = d.payment_id
"""
_CANCEL = """
UPDATE cashbacks SET transaction_id = NULL, cancelled_at = clock_timestamp()
WHERE payment_id = ANY($1::uuid[])
"""
# Later than what it was judged by, which may lie ahead of the clock: judged again by the same
# instant, it is not due.
_PUT_OFF = """
UPDATE cashbacks SET transaction_id = NULL,
       due_at = coalesce($2, greatest(clock_timestamp(), due_at)) + $3
WHERE payment_id = ANY($1::uuid[])
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
            # A payment that was taken back meanwhile earns nothing any more.
            reversed_ = await taken_back(unit.connection, failed)
            await unit.connection.execute(_CANCEL, sorted(reversed_))
            failed -= reversed_
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
    first: UUID = FIRST_OF_ALL,
    following: UUID | None = None,
) -> Credited:
    """Submit what has fallen due by ``now``, ``AT_ONCE`` at most; of payments in that range of ids.

    An account that is frozen waits for another day, which the staff are told; one that was closed
    has lost its cashback.
    """
    waiting = await under_reversal(unit.connection)
    due = await unit.connection.fetch(_DUE, now, AT_ONCE, first, following, waiting)
    if not due:
        return Credited(0, [])
    references = await payment_refs(unit.connection, [row["payment_id"] for row in due])
    asked = [_order(row, references[row["payment_id"]]) for row in due]
    results = await intake.accept(unit, asked)
    return Credited(len(due), await _note(unit.connection, due, results, now))


def _order(row: Any, payment_ref: str) -> Order:
    return cashback(
        Party(str(row["account_id"])),
        to_major(row["amount_minor"], row["currency"]),
        payment_id=row["payment_id"],
        description=f"Cashback of {payment_ref}",
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
    await connection.execute(_PUT_OFF, payment_ids, judged_by, TRY_AGAIN_AFTER)
    references = await payment_refs(connection, payment_ids)
    await inbox.write(connection, [_told(each, references[each]) for each in payment_ids])


def _told(payment_id: UUID, payment_ref: str) -> inbox.Notice:
    return inbox.Notice(
        None,
        "cashback_put_off",
        "A cashback could not be credited",
        f"The cashback of {payment_ref} could not be credited: its account takes no money now. "
        "It is tried again every day.",
        once=f"cashback_put_off:{payment_id}",
    )
