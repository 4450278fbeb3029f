"""What was paid on a loan beyond all that was owed goes back to the borrower."""

from collections.abc import Sequence

from core.foundation.database import UnitOfWork
from core.foundation.errors import NothingDue
from core.ledger.balances import Accounts, Leg, refuse_leg
from core.ledger.chart import LedgerCode
from core.lending import notices
from core.lending.details import RefundDetails
from core.lending.notices import money
from core.lending.servicing.events import EventKind
from core.lending.servicing.kinds.parties import loan_id, lock_loans, note, receiver
from core.lending.servicing.storage import LoansAtHand
from core.transactions.decide import Movement, Outcome, Rule, details_of


class RefundKind:
    """The type ``loan_refund``."""

    type = "loan_refund"
    details = RefundDetails

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        """Lock the loans; the rule pays back what is overpaid still."""
        loans = await lock_loans(unit, movements)

        def rule(movement: Movement, accounts: Accounts) -> Sequence[Leg]:
            book = loans.book(loan_id(movement))
            account = receiver(movement, accounts, book)
            amount = movement.amount_minor
            if amount > book.overpaid:
                raise NothingDue("so much is not overpaid any more")
            refuse_leg(account, amount, book.currency)
            actor = details_of(movement, RefundDetails).actor
            note(loans, book, movement, EventKind.REFUND, amount_minor=amount, actor_id=actor)
            book.overpaid -= amount
            book.reshaped = book.changed = True
            return (
                Leg(None, LedgerCode.LOAN_OVERPAYMENTS.value, -amount, book.currency),
                Leg(account.id, None, amount, book.currency),
            )

        return rule

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Write the loans and tell the borrowers."""
        loans = unit.share(LoansAtHand)
        for outcome in outcomes:
            if outcome.failure is None:
                book = loans.book(loan_id(outcome.movement))
                amount = money(outcome.amount_minor, book.currency)
                loans.notices.append(notices.refunded(book.user_id, book.id, amount))
        await loans.write(unit.connection)
