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
from core.transactions.results import originals_of, succeeded, taken_back

_LOCK = """
SELECT payment_id FROM cashbacks WHERE payment_id = ANY($1::uuid[]) ORDER BY payment_id FOR UPDATE
"""
# Once they are locked: a statement sees only what was committed before it began.
_READ = """
SELECT payment_id, amount_minor, transaction_id FROM cashbacks WHERE payment_id = ANY($1::uuid[])
"""
_TAKEN_BACK = """
UPDATE cashbacks c SET taken_back_by = r.reversal_id
FROM unnest($1::uuid[], $2::uuid[]) AS r (payment_id, reversal_id)
WHERE c.payment_id = r.payment_id AND c.transaction_id = ANY($3::uuid[])
"""
_CANCEL = """
UPDATE cashbacks SET cancelled_at = clock_timestamp()
WHERE payment_id = ANY($1::uuid[]) AND transaction_id IS NULL AND cancelled_at IS NULL
"""


@dataclass(slots=True)
class Earned:
    """A payment's cashback as the unit of work sees it."""

    amount_minor: int
    transaction_id: UUID | None
    credited: bool
    reversed: bool


@dataclass(slots=True)
class EarnedAtHand:
    """The cashbacks of one unit of work by payment, and the payments that reversals take back."""

    by_payment: dict[UUID, Earned] = field(default_factory=dict)
    originals: dict[UUID, UUID] = field(default_factory=dict)

    async def load(self, connection: Connection, payment_ids: Collection[UUID]) -> None:
        """Lock and read the cashbacks of these payments that are not at hand yet."""
        wanted = sorted(set(payment_ids) - self.by_payment.keys())
        await connection.execute(_LOCK, wanted)
        rows = await connection.fetch(_READ, wanted)
        if not rows:
            return
        credited = await succeeded(connection, {row["transaction_id"] for row in rows} - {None})
        gone = await taken_back(connection, [row["payment_id"] for row in rows])
        for payment_id, amount_minor, transaction_id in rows:
            self.by_payment[payment_id] = Earned(
                amount_minor, transaction_id, transaction_id in credited, payment_id in gone
            )


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
        originals = await originals_of(unit.connection, [movement.id for movement in movements])
        at_hand.originals |= originals
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
        at_hand = unit.share(EarnedAtHand)
        done = [outcome.movement.id for outcome in outcomes if outcome.failure is None]
        payments = [at_hand.originals[reversal_id] for reversal_id in done]
        earned = [at_hand.by_payment[each] for each in payments if each in at_hand.by_payment]
        if earned:
            # As they stand now: a cashback may have settled in this same batch.
            credits_ = [each.transaction_id for each in earned if each.transaction_id]
            credited = await succeeded(unit.connection, credits_)
            await unit.connection.execute(_TAKEN_BACK, payments, done, list(credited))
            await unit.connection.execute(_CANCEL, payments)


def less_cashback(legs: Sequence[Leg], cashback_minor: int) -> list[Leg]:
    """A payment's reversal that gives back less: the customer's leg is net of the cashback."""
    bank, customer = legs
    return [
        bank,
        customer._replace(amount_minor=customer.amount_minor - cashback_minor),
        Leg(None, LedgerCode.CASHBACK_EXPENSE.value, cashback_minor, customer.currency),
    ]
