"""Steps of the business day: cases open on default, money is set off, cases close.

Restructure, settlement and write-off are decided by people (``case_work``).
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from core.business_day.steps import StepDone, Work
from core.foundation.database import Connection
from core.foundation.ids import new_id
from core.foundation.unit_of_work import UnitOfWork
from core.lending import notices
from core.lending.collections import cases
from core.lending.collections.cases import CaseStep, Stage
from core.lending.collections.classify import Standing
from core.lending.collections.set_off import Purses
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.storage import read_due
from core.notifications import inbox
from core.transactions.intake import Intake

_IN_RECOVERY = """
SELECT l.id, c.id, c.stage, c.opened_on FROM recovery_cases c JOIN loans l ON l.id = c.loan_id
WHERE c.closed_at IS NULL AND l.in_default AND l.status IN ('active', 'restructured')
  AND l.user_id >= $1 AND ($2::uuid IS NULL OR l.user_id < $2)
ORDER BY l.id
"""
_CURED = """
SELECT c.loan_id, l.status FROM recovery_cases c JOIN loans l ON l.id = c.loan_id
WHERE c.closed_at IS NULL AND l.user_id >= $1 AND ($2::uuid IS NULL OR l.user_id < $2)
  AND l.status <> 'written_off' AND NOT l.in_default AND l.dpd = 0
"""
_PROPOSED = """
SELECT DISTINCT case_id FROM recovery_history
WHERE case_id = ANY($1::uuid[]) AND action = 'write_off_proposed'
"""


class OpenCase(NamedTuple):
    """The open case of a loan in default, and how far it has come."""

    loan_id: UUID
    id: UUID
    stage: str
    opened_on: date


async def open_cases(connection: Connection, standings: Sequence[Standing], day: date) -> None:
    """Open a case for every loan in default that has none, and tell borrower and staff."""
    defaulted = {each.loan_id: each for each in standings if each.in_default}
    if not defaulted:
        return
    opened = await cases.open_cases(connection, [(new_id(), loan) for loan in defaulted], day)
    steps, told = [], []
    for case_id, loan_id in opened:
        loan = defaulted[loan_id]
        text = f"The loan is in default, {loan.dpd} days past due; a reminder was sent"
        steps.append(CaseStep(loan_id, "opened", text))
        told += notices.defaulted(loan.user_id, loan_id, case_id, loan.dpd)
    await cases.add_steps(connection, steps)
    await inbox.write(connection, told)


async def set_off(unit: UnitOfWork, work: Work, *, intake: Intake) -> StepDone:
    """Submit set-offs from the borrowers' own accounts, for what is due."""
    connection = unit.connection
    share, day = work.share, work.business_date
    rows = await connection.fetch(_IN_RECOVERY, share.first_id, share.next_id)
    if not rows:
        return StepDone()
    of_loan = {row[0]: OpenCase(*row) for row in rows}
    books = await read_due(connection, list(of_loan), day)
    await _propose_write_offs(connection, [(of_loan[book.id], book) for book in books])
    due = [book for book in books if _may_set_off(of_loan[book.id], book, day)]
    if not due:
        return StepDone()
    moved = await cases.move(connection, [book.id for book in due], Stage.SET_OFF, day)
    steps = [
        CaseStep(loan_id, "stage", "Set-off: the borrower's accounts here are looked at")
        for loan_id in moved
    ]
    await cases.add_steps(connection, steps)
    purses = await Purses.of(connection, {book.user_id for book in due})
    asked = [order for book in due for order in purses.set_off(book, day)]
    await intake.accept_own(unit, asked)
    return StepDone([order.id for order in asked])


async def close_cured(unit: UnitOfWork, work: Work) -> None:
    """Close the cases of loans that are out of default."""
    connection = unit.connection
    rows = await connection.fetch(_CURED, work.share.first_id, work.share.next_id)
    cured = [row["loan_id"] for row in rows]
    await cases.add_steps(
        connection,
        [
            CaseStep(
                row["loan_id"],
                "closed",
                f"Nothing is overdue any more; the loan is {row['status']}",
            )
            for row in rows
        ],
    )
    await cases.close_ended(connection, cured)


def _may_set_off(case: OpenCase, book: LoanBook, day: date) -> bool:
    return (
        book.terms.set_off
        and bool(book.due(day))
        and case.stage in {Stage.REMINDER, Stage.SET_OFF}
        and (day - case.opened_on).days >= book.terms.set_off_after_days
    )


async def _propose_write_offs(
    connection: Connection, loans: Sequence[tuple[OpenCase, LoanBook]]
) -> None:
    """Tell the staff, once a case, of loans past the product's threshold for a write-off."""
    hopeless = {case.id: book for case, book in loans if book.dpd > book.terms.write_off_after_dpd}
    if not hopeless:
        return
    known = {row["case_id"] for row in await connection.fetch(_PROPOSED, list(hopeless))}
    fresh = [book for case_id, book in hopeless.items() if case_id not in known]
    texts = {book.id: f"A write-off is proposed: {book.dpd} days past due" for book in fresh}
    await cases.add_steps(
        connection, [CaseStep(loan, "write_off_proposed", text) for loan, text in texts.items()]
    )
    await inbox.write(
        connection, [notices.write_off_proposed(loan, text) for loan, text in texts.items()]
    )
