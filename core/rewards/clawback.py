"""What becomes of a cashback whose payment is taken back.

The reversal of a payment gives back what the payment cost in the end: where the cashback was
credited, its amount is taken back in the reversal's own postings, so that neither can be without
the other and the account cannot lack the money; where it was not, it is cancelled in the same unit
of work. The account's order decides which of the two came first: a cashback and a reversal that
settle in one batch see each other's decision in memory, as they do across batches in the database.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from core.foundation.database import Connection, UnitOfWork
from core.foundation.errors import AlreadyReversed
from core.ledger.balances import Accounts, Leg, refuse_leg
from core.ledger.chart import LedgerCode
from core.transactions.decide import Movement, Outcome, Rule, details_of, move_amount
from core.transactions.details import CashbackDetails
from core.transactions.kinds import TransactionType

_REVERSED_BY = "SELECT id, reverses FROM transactions WHERE id = ANY($1::uuid[])"
_LOCK = """
SELECT payment_id FROM cashbacks WHERE payment_id = ANY($1::uuid[]) ORDER BY payment_id FOR UPDATE
"""
# Once they are locked: a statement sees only what was committed before it began.
_READ = """
SELECT c.payment_id, c.amount_minor, coalesce(t.status = 'success', false) AS credited,
       EXISTS (SELECT FROM transactions r
               WHERE r.reverses = c.payment_id AND r.status = 'success') AS reversed
FROM cashbacks c LEFT JOIN transactions t ON t.id = c.transaction_id
WHERE c.payment_id = ANY($1::uuid[])
"""
_TAKEN_BACK = """
UPDATE cashbacks c SET taken_back_by = r.id
FROM transactions r, transactions t
WHERE r.id = ANY($1::uuid[]) AND c.payment_id = r.reverses
  AND t.id = c.transaction_id AND t.status = 'success'
"""
_CANCEL = """
UPDATE cashbacks c SET cancelled_at = clock_timestamp()
FROM transactions r
WHERE r.id = ANY($1::uuid[]) AND c.payment_id = r.reverses
  AND c.transaction_id IS NULL AND c.cancelled_at IS NULL
"""


@dataclass(slots=True)
class Earned:
    """A payment's cashback as the unit of work sees it."""

    amount_minor: int
    credited: bool
    reversed: bool


@dataclass(slots=True)
class EarnedAtHand:
    """The cashbacks of one unit of work, by payment."""

    by_payment: dict[UUID, Earned] = field(default_factory=dict)

    async def load(self, connection: Connection, payment_ids: Collection[UUID]) -> None:
        """Lock and read the cashbacks of these payments that are not at hand yet."""
        wanted = sorted(set(payment_ids) - self.by_payment.keys())
        await connection.execute(_LOCK, wanted)
        for payment_id, *earned in await connection.fetch(_READ, wanted):
            self.by_payment[payment_id] = Earned(*earned)


def payment_of(cashback: Movement) -> UUID:
    """The payment that earned this cashback."""
    return details_of(cashback, CashbackDetails).payment_id


async def cashback_rule(unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
    """The rule of cashbacks: the amount moves, unless the payment was taken back before."""
    at_hand = unit.share(EarnedAtHand)
    await at_hand.load(unit.connection, [payment_of(movement) for movement in movements])

    def rule(movement: Movement, accounts: Accounts) -> Sequence[Leg]:
        earned = at_hand.by_payment[payment_of(movement)]
        if earned.reversed:
            raise AlreadyReversed("the payment that earned it was taken back")
        # What the guards refuse was not credited.
        if movement.credit_account_id is not None:
            account = accounts[movement.credit_account_id]
            refuse_leg(account, movement.amount_minor, movement.currency)
            earned.credited = True
        return move_amount(movement, accounts)

    return rule


class ReversalKind:
    """A reversal moves the amount back; a payment's takes its cashback back in the same breath."""

    type = TransactionType.REVERSAL.value
    details = None

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        """Lock the cashbacks of the payments that are taken back."""
        at_hand = unit.share(EarnedAtHand)
        rows = await unit.connection.fetch(_REVERSED_BY, [movement.id for movement in movements])
        originals: dict[UUID, UUID] = {row["id"]: row["reverses"] for row in rows}
        await at_hand.load(unit.connection, originals.values())

        def rule(movement: Movement, accounts: Accounts) -> Sequence[Leg]:
            legs = move_amount(movement, accounts)
            earned = at_hand.by_payment.get(originals[movement.id])
            if earned is None:
                return legs
            earned.reversed = True
            return less_cashback(legs, earned.amount_minor) if earned.credited else legs

        return rule

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Write down which cashbacks were taken back, and cancel those not yet credited."""
        done = [outcome.movement.id for outcome in outcomes if outcome.failure is None]
        if done:
            await unit.connection.execute(_TAKEN_BACK, done)
            await unit.connection.execute(_CANCEL, done)


def less_cashback(legs: Sequence[Leg], cashback_minor: int) -> list[Leg]:
    """A payment's reversal that gives back less: the customer's leg is net of the cashback."""
    bank, customer = legs
    return [
        bank,
        customer._replace(amount_minor=customer.amount_minor - cashback_minor),
        Leg(None, LedgerCode.CASHBACK_EXPENSE.value, cashback_minor, customer.currency),
    ]
