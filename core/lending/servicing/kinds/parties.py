"""What every kind asks of the loan and the account before it changes a loan in memory, and how
what it has done becomes an event of the loan.

The engine guards every leg itself, but only after the rule has answered; a rule that changes a
loan's book must know that its legs will pass.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from core.foundation.database import UnitOfWork
from core.foundation.errors import CurrencyMismatch, InsufficientFunds
from core.ledger.balances import Accounts, AccountState, refuse_inactive
from core.lending.details import LoanDetails
from core.lending.servicing.events import Event, EventKind
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.storage import LoansAtHand
from core.transactions.decide import Movement, details_of
from core.transactions.details import Details
from core.transactions.kinds import RowsLocked


async def lock_loans(unit: UnitOfWork, movements: Sequence[Movement]) -> LoansAtHand:
    """The unit of work's loans, those of ``movements`` locked among them.

    Raises RowsLocked for the movements whose loans another unit of work holds: settlement does not
    wait for a business day, or for an officer, while other customers wait for it.
    """
    loans = unit.share(LoansAtHand)
    held = await loans.lock_free(unit.connection, map(loan_id, movements))
    if held:
        raise RowsLocked({movement.id for movement in movements if loan_id(movement) in held})
    return loans


def loan_id(movement: Movement) -> UUID:
    """The loan that the movement is about."""
    return details_of(movement, LoanDetails).loan_id


def business_date(movement: Movement) -> date:
    """The business date for which the movement was submitted."""
    return details_of(movement, LoanDetails).business_date


def payer(movement: Movement, accounts: Accounts, book: LoanBook) -> AccountState:
    """The account that pays. Raises AccountFrozen, AccountClosed or CurrencyMismatch."""
    if movement.debit_account_id is None:
        raise ValueError(f"{movement.type} {movement.id} has no payer")
    return _active(accounts[movement.debit_account_id], book)


def receiver(movement: Movement, accounts: Accounts, book: LoanBook) -> AccountState:
    """The account that receives. Raises AccountFrozen, AccountClosed or CurrencyMismatch."""
    if movement.credit_account_id is None:
        raise ValueError(f"{movement.type} {movement.id} has no receiver")
    return _active(accounts[movement.credit_account_id], book)


def cover(account: AccountState, amount_minor: int) -> None:
    """Raise InsufficientFunds unless the account can be debited ``amount_minor``."""
    if account.available_minor < amount_minor:
        raise InsufficientFunds


def note(
    loans: LoansAtHand,
    book: LoanBook,
    movement: Movement,
    kind: EventKind,
    *,
    amount_minor: int,
    particulars: Details | None = None,
    actor_id: UUID | None = None,
) -> None:
    """Note the movement as an event of the loan, to be written with it."""
    on = business_date(movement)
    loans.events.append(
        Event(
            id=movement.id,
            loan_id=book.id,
            kind=kind,
            value_date=on,
            amount=amount_minor,
            account_id=movement.debit_account_id or movement.credit_account_id,
            transaction_id=movement.id,
            after_close=book.is_closed_for(on),
            particulars=particulars,
            actor_id=actor_id,
        )
    )


def _active(account: AccountState, book: LoanBook) -> AccountState:
    refuse_inactive(account.status)
    if account.currency != book.currency:
        raise CurrencyMismatch
    return account
