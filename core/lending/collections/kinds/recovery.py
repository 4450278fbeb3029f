"""Money that recovery brings in: set-off from the borrower's other accounts, and settlements."""

from collections.abc import Sequence
from uuid import UUID

from core.foundation.database import UnitOfWork
from core.foundation.errors import InsufficientFunds, NothingDue
from core.ledger.balances import Accounts, Leg, own_minor
from core.lending import notices
from core.lending.collections import cases
from core.lending.collections.set_off import to_take
from core.lending.details import RecoveryAction, RecoveryDetails
from core.lending.notices import money
from core.lending.servicing import booking
from core.lending.servicing.endings import settle
from core.lending.servicing.events import EventKind
from core.lending.servicing.kinds.parties import (
    business_date,
    cover,
    loan_id,
    lock_loans,
    note,
    payer,
)
from core.lending.servicing.kinds.payment import ending_legs
from core.lending.servicing.loan_book import LoanBook, owed_in_all
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import LoanEvent, require_allowed
from core.transactions.decide import Movement, Outcome, Rule, details_of


class RecoveryKind:
    """The type ``recovery``."""

    type = "recovery"
    details = RecoveryDetails

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        """Lock the loans and read their schedules; the rule sets off or settles."""
        loans = await lock_loans(unit, movements)
        await loans.load_all(unit.connection, {loan_id(movement) for movement in movements})

        def rule(movement: Movement, accounts: Accounts) -> Sequence[Leg]:
            book = loans.book(loan_id(movement))
            if details_of(movement, RecoveryDetails).action is RecoveryAction.SETTLE:
                return _settle(loans, book, movement, accounts)
            return _set_off(loans, book, movement, accounts)

        return rule

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Write the loans, the cases' histories and the notices."""
        loans = unit.share(LoansAtHand)
        steps = [_step(loans, outcome) for outcome in outcomes]
        await loans.write(unit.connection)
        await cases.add_steps(unit.connection, steps)
        ended = [step.loan_id for step in steps if step.action == "settled"]
        await cases.close_ended(unit.connection, ended)


def _set_off(
    loans: LoansAtHand, book: LoanBook, movement: Movement, accounts: Accounts
) -> Sequence[Leg]:
    on = business_date(movement)
    require_allowed(book.status, LoanEvent.COLLECT)
    account = payer(movement, accounts, book)
    due = book.due(on)
    wanted = min(movement.amount_minor, owed_in_all(due).total)
    if not wanted:
        raise NothingDue
    amount = to_take(wanted, own_minor(account.balance_minor))
    if not amount:
        raise InsufficientFunds("there is no money on the account to set off")
    actor = _actor(movement)
    note(loans, book, movement, EventKind.SET_OFF, amount_minor=amount, actor_id=actor)
    split = book.pay(amount, due, on)
    book.end_if_repaid(on)
    return booking.repayment_legs(account.id, split, book.currency)


def _settle(
    loans: LoansAtHand, book: LoanBook, movement: Movement, accounts: Accounts
) -> Sequence[Leg]:
    require_allowed(book.status, LoanEvent.SETTLE)
    account = payer(movement, accounts, book)
    cover(account, movement.amount_minor)
    amount, actor, on = movement.amount_minor, _actor(movement), business_date(movement)
    note(loans, book, movement, EventKind.SETTLEMENT, amount_minor=amount, actor_id=actor)
    ending = settle(book, amount, on)
    return ending_legs(loans, book, account.id, ending, on)


def _actor(movement: Movement) -> UUID | None:
    return details_of(movement, RecoveryDetails).actor


def _step(loans: LoansAtHand, outcome: Outcome) -> cases.CaseStep:
    movement = outcome.movement
    known = details_of(movement, RecoveryDetails)
    settles = known.action is RecoveryAction.SETTLE
    what = "settlement" if settles else "set-off"
    if outcome.failure is not None:
        action, text = f"{known.action}_failed", f"The {what} failed: {outcome.failure.detail}"
    else:
        book = loans.book(known.loan_id)
        action = "settled" if settles else "set_off"
        text = f"{money(outcome.amount_minor, book.currency)} came in by {what}"
        loans.notices += notices.recovery_step(book.user_id, book.id, f"{text}.")
    return cases.CaseStep(known.loan_id, action, text, known.actor)
