"""Collecting an instalment: the ``emi`` transaction of one attempt.

What is still unpaid of the instalment when the transaction settles is collected, so that a
customer's payment that came first is never collected twice. Where the account holds less, the
product says whether that much is taken. What the account holds is the customer's own money; the
product says whether an overdraft is drawn on, too.
"""

from collections.abc import Sequence
from uuid import UUID

from core.foundation.database import UnitOfWork
from core.foundation.errors import InsufficientFunds, Internal
from core.ledger.balances import Accounts, AccountState, Leg, own_minor
from core.lending import notices
from core.lending.collections.retries import next_attempt_on
from core.lending.details import CollectionDetails
from core.lending.notices import money
from core.lending.servicing import booking
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.kinds.parties import (
    business_date,
    loan_id,
    lock_loans,
    payer,
)
from core.lending.servicing.loan_book import Line, LoanBook
from core.lending.servicing.storage import LoansAtHand
from core.lending.states import LoanEvent, require_allowed
from core.transactions.decide import Movement, Outcome, Rule, details_of

_CLOSE_ATTEMPTS = """
UPDATE loan_collections c SET status = o.status, collected_minor = o.collected,
       failure_code = o.code
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[])
  AS o (transaction_id, status, collected, code)
WHERE c.transaction_id = o.transaction_id AND c.status = 'pending'
"""
_LOCK_ATTEMPTED = """
SELECT FROM loans WHERE id IN (
  SELECT loan_id FROM loan_collections WHERE transaction_id = ANY($1::uuid[])
) ORDER BY id FOR NO KEY UPDATE
"""
_SET_ASIDE = """
WITH broken AS (
  UPDATE loan_collections SET status = 'failed', failure_code = $2
  WHERE transaction_id = ANY($1::uuid[]) AND status = 'pending'
  RETURNING loan_id, version, number, attempt, business_date
)
UPDATE loan_instalments i SET next_attempt_on = b.business_date + 1, attempts = b.attempt,
       first_attempt_on = coalesce(i.first_attempt_on, b.business_date)
FROM broken b
WHERE i.loan_id = b.loan_id AND i.version = b.version AND i.number = b.number
  AND i.superseded_at IS NULL AND i.paid_on IS NULL
"""


class CollectionKind:
    """The type ``emi``."""

    type = "emi"
    details = CollectionDetails

    def __init__(self, calendar: CollectionCalendar) -> None:
        self._calendar = calendar

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        """Lock the loans and read what is due; the rule collects oldest first."""
        loans = await lock_loans(unit, movements)
        ids = {loan_id(movement) for movement in movements}
        await loans.load_due(unit.connection, ids, max(map(business_date, movements)))

        def rule(movement: Movement, accounts: Accounts) -> Sequence[Leg]:
            asked = details_of(movement, CollectionDetails)
            book = loans.book(asked.loan_id)
            require_allowed(book.status, LoanEvent.COLLECT)
            line = book.line(asked.version, asked.instalment)
            account = payer(movement, accounts, book)
            amount = _collectable(book, line, account)
            loans.collected.append((movement.id, asked, amount))
            split = book.pay(amount, book.due(asked.business_date), asked.business_date)
            book.end_if_repaid(asked.business_date)
            return booking.repayment_legs(account.id, split, book.currency)

        return rule

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        """Close the attempts, plan the next ones, tell the borrowers."""
        set_aside = [outcome.movement.id for outcome in outcomes if outcome.was_set_aside]
        if set_aside:
            await _try_again_the_day_after(unit, set_aside)
        judged = [outcome for outcome in outcomes if not outcome.was_set_aside]
        if judged:
            await self._close(unit, judged)

    async def _close(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        loans = unit.share(LoansAtHand)
        rows = []
        for outcome in outcomes:
            asked = details_of(outcome.movement, CollectionDetails)
            book = loans.books.get(asked.loan_id)
            line = book.lines.get((asked.version, asked.instalment)) if book else None
            if book is not None and line is not None:
                self._count(line, asked, book)
                _tell(loans, book, line, outcome)
            rows.append(_result(outcome, is_open=line is not None and line.paid_on is None))
        await unit.connection.execute(_CLOSE_ATTEMPTS, *map(list, zip(*rows, strict=True)))
        await loans.write(unit.connection)

    def _count(self, line: Line, asked: CollectionDetails, book: LoanBook) -> None:
        """Count the attempt on its instalment, and plan the next where it is still open."""
        if line.superseded:
            return
        line.attempts, line.changed = asked.attempt, True
        line.first_attempt_on = line.first_attempt_on or asked.business_date
        if line.paid_on is None:
            line.next_attempt_on = next_attempt_on(
                line.first_attempt_on,
                line.attempts,
                book.terms.retry_days,
                asked.business_date,
                self._calendar,
            )


async def _try_again_the_day_after(unit: UnitOfWork, transaction_ids: Sequence[UUID]) -> None:
    """End attempts that broke their worker, by their ids alone; nobody is told of our fault."""
    await unit.connection.execute(_LOCK_ATTEMPTED, transaction_ids)
    await unit.connection.execute(_SET_ASIDE, transaction_ids, Internal.code)


def _collectable(book: LoanBook, line: Line, account: AccountState) -> int:
    wanted, held = line.unpaid.total, own_minor(account.balance_minor)
    if book.terms.collect_from_overdraft:
        held = account.available_minor
    if held < wanted and (held <= 0 or not book.terms.partial_collection):
        raise InsufficientFunds
    return min(held, wanted)


def _result(outcome: Outcome, *, is_open: bool) -> tuple[object, ...]:
    """The attempt's end: what was collected, and whether the instalment is still open."""
    if outcome.failure is not None:
        return outcome.movement.id, "failed", 0, outcome.failure.code
    status = "partial" if is_open else "success"
    return outcome.movement.id, status, outcome.amount_minor, None


def _tell(loans: LoansAtHand, book: LoanBook, line: Line, outcome: Outcome) -> None:
    if outcome.failure is not None:
        reason = outcome.failure.detail
        if line.paid_on is None:
            loans.notices.append(
                notices.not_collected(
                    book.user_id, book.id, line.number, reason, line.next_attempt_on
                )
            )
        return
    amount = money(outcome.amount_minor, book.currency)
    part = line.paid_on is None
    loans.notices.append(notices.collected(book.user_id, book.id, line.number, amount, part=part))
    if book.closed_on is not None:
        loans.notices.append(notices.ended(book.user_id, book.id, book.status))
