"""Paying out an approved loan: the borrower's account receives it, less the processing fee."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from core.foundation.database import UnitOfWork
from core.foundation.errors import LoanStateConflict
from core.ledger.balances import Accounts, Leg, refuse_leg
from core.ledger.chart import LedgerCode
from core.lending import notices
from core.lending.amortisation import Fee
from core.lending.details import DisbursementDetails
from core.lending.origination.basis import Basis
from core.lending.origination.fees import withheld
from core.lending.servicing import booking
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.events import AgreedParticulars, EventKind
from core.lending.servicing.kinds.parties import business_date, loan_id, lock_loans, note, receiver
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.schedules import start_schedule
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import LoanEvent, LoanStatus, require_allowed
from core.transactions.decide import Movement, Outcome, Rule

# The loan becomes active in the statement that states its disbursal; the rest follows with the
# schedule in the same unit of work.
_ACTIVATE = """
UPDATE loans l SET status = 'active', disbursed_at = clock_timestamp(), disbursed_on = d.on_date,
  principal_disbursed_minor = l.amount_minor, principal_outstanding_minor = l.amount_minor,
  disbursement_failure = NULL
FROM unnest($1::uuid[], $2::date[]) AS d (id, on_date) WHERE l.id = d.id
"""
_NOTE_FAILURE = """
UPDATE loans l SET disbursement_failure = f.reason
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS f (id, transaction_id, reason)
WHERE l.id = f.id AND l.disbursement_transaction_id = f.transaction_id AND l.status = 'approved'
"""


class DisbursementKind:
    """The type ``disbursement``; ``amount_minor`` is the loan, the account gets it less the fee."""

    type = "disbursement"
    details = DisbursementDetails

    def __init__(self, calendar: CollectionCalendar) -> None:
        self._calendar = calendar

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        """Lock the loans; the rule pays each out once."""
        loans = await lock_loans(unit, movements)

        def rule(movement: Movement, accounts: Accounts) -> Sequence[Leg]:
            book = loans.book(loan_id(movement))
            if book.disbursement_transaction_id != movement.id:
                raise LoanStateConflict("another disbursement took this one's place")
            require_allowed(book.status, LoanEvent.ACTIVATE)
            account = receiver(movement, accounts, book)
            paid_out = book.amount - book.fee
            refuse_leg(account, paid_out, book.currency)
            self._start(book, business_date(movement))
            agreed = AgreedParticulars(book.tenure_months, book.rate)
            kind, amount = EventKind.DISBURSEMENT, book.amount
            note(loans, book, movement, kind, amount_minor=amount, particulars=agreed)
            return _legs(account.id, book)

        return rule

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Activate what was paid out, note what was not, and tell the borrowers."""
        loans = unit.share(LoansAtHand)
        done = [o.movement for o in outcomes if o.failure is None]
        failed = [(o.movement, o.failure.detail) for o in outcomes if o.failure is not None]
        if done:
            dates: list[date] = [business_date(movement) for movement in done]
            await unit.connection.execute(_ACTIVATE, [loan_id(m) for m in done], dates)
        if failed:
            await unit.connection.execute(
                _NOTE_FAILURE,
                [loan_id(m) for m, _ in failed],
                [m.id for m, _ in failed],
                [reason for _, reason in failed],
            )
        for movement in done:
            book = loans.book(loan_id(movement))
            amount = notices.money(book.amount - book.fee, book.currency)
            loans.notices.append(notices.disbursed(book.user_id, book.id, amount))
        _tell_of_failures(loans, failed)
        await loans.write(unit.connection)

    def _start(self, book: LoanBook, on: date) -> None:
        book.move(LoanEvent.ACTIVATE)
        book.outstanding = book.amount
        basis = Basis(on, book.amount, book.rate, book.terms.instalments(book.tenure_months))
        start_schedule(book, basis, self._calendar)


def _legs(account_id: UUID, book: LoanBook) -> list[Leg]:
    tax = withheld(book.terms, book.amount, book.currency).tax_minor
    return [
        Leg(None, LedgerCode.LOANS_RECEIVABLE.value, -book.amount, book.currency),
        Leg(account_id, None, book.amount - book.fee, book.currency),
        *booking.fee_legs(Fee(book.fee - tax, tax), book.currency),
    ]


def _tell_of_failures(loans: LoansAtHand, failed: Sequence[tuple[Movement, str]]) -> None:
    for movement, reason in failed:
        book = loans.books.get(loan_id(movement))
        if book is not None and book.status is LoanStatus.APPROVED:
            loans.notices += notices.not_disbursed(book.user_id, book.id, reason)
