"""Steps of the business day: cases open on default, money is set off, cases close.

Restructure, settlement and write-off are decided by people (``core.lending.collections.recovery``).
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from core.business_day.steps import Done, Work
from core.foundation.database import Connection
from core.foundation.ids import new_id
from core.foundation.unit_of_work import UnitOfWork
from core.ledger.directory import funds_of
from core.lending import notices, orders
from core.lending.collections import cases
from core.lending.collections.cases import Stage, Step
from core.lending.collections.classify import Standing
from core.lending.origination.products import parse_terms
from core.notifications import notices as inbox
from core.transactions.intake import Intake
from core.transactions.orders import BankOrder

_SETTING_OFF = """
SELECT l.id, l.user_id, l.account_id, l.currency, l.terms::text AS terms, l.dpd,
       c.id AS case_id, c.stage, c.opened_on, (
  SELECT coalesce(sum(i.unpaid_minor), 0)::bigint FROM loan_instalments i
  WHERE i.loan_id = l.id AND i.superseded_at IS NULL AND i.paid_on IS NULL AND i.due_date <= $3
) AS due_minor
FROM recovery_cases c JOIN loans l ON l.id = c.loan_id
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
        steps.append(Step(loan_id, "opened", text))
        told += notices.defaulted(loan.user_id, loan_id, case_id, loan.dpd)
    await cases.add_steps(connection, steps)
    await inbox.write(connection, told)


async def set_off(unit: UnitOfWork, work: Work, *, intake: Intake) -> Done:
    """Submit set-offs from the borrowers' own accounts, for what is due."""
    connection = unit.connection
    share, day = work.share, work.business_date
    loans = await connection.fetch(_SETTING_OFF, share.first_id, share.next_id, day)
    await _propose_write_offs(connection, loans)
    loans = [loan for loan in loans if _may_set_off(loan, day)]
    if not loans:
        return Done()
    moved = await cases.move(connection, [loan["id"] for loan in loans], Stage.SET_OFF, day)
    steps = [
        Step(loan_id, "stage", "Set-off: the borrower's accounts here are looked at")
        for loan_id in moved
    ]
    await cases.add_steps(connection, steps)
    asked = _orders(loans, await _money(connection, loans), day)
    await intake.accept_own(unit, asked)
    return Done([order.id for order in asked])


async def close_cured(unit: UnitOfWork, work: Work) -> None:
    """Close the cases of loans that are out of default."""
    connection = unit.connection
    rows = await connection.fetch(_CURED, work.share.first_id, work.share.next_id)
    cured = [row["loan_id"] for row in rows]
    await cases.add_steps(
        connection,
        [
            Step(
                row["loan_id"],
                "closed",
                f"Nothing is overdue any more; the loan is {row['status']}",
            )
            for row in rows
        ],
    )
    await cases.close_ended(connection, cured)


def _may_set_off(loan: Any, day: date) -> bool:
    terms = parse_terms(loan["terms"])
    return (
        terms.set_off
        and loan["due_minor"] > 0
        and loan["stage"] in {Stage.REMINDER, Stage.SET_OFF}
        and (day - loan["opened_on"]).days >= terms.set_off_after_days
    )


async def _money(
    connection: Connection, loans: Sequence[Any]
) -> dict[tuple[UUID, str], list[tuple[UUID, int]]]:
    """The borrowers' accounts with money of their own, by owner and currency."""
    found: dict[tuple[UUID, str], list[tuple[UUID, int]]] = defaultdict(list)
    for funds in await funds_of(connection, {loan["user_id"] for loan in loans}):
        found[funds.owner_id, funds.currency].append((funds.account_id, funds.balance_minor))
    return found


def _orders(
    loans: Sequence[Any], money: dict[tuple[UUID, str], list[tuple[UUID, int]]], day: date
) -> list[BankOrder]:
    """One order per account until a loan's dues are covered; an account's money is used once."""
    asked = []
    for loan in loans:
        due = loan["due_minor"]
        accounts = money[loan["user_id"], loan["currency"]]
        for index, (account_id, balance) in enumerate(accounts):
            amount = min(due, balance)
            if amount > 0:
                asked.append(orders.set_off(loan["id"], account_id, amount, loan["currency"], day))
                accounts[index] = (account_id, balance - amount)
                due -= amount
    return asked


async def _propose_write_offs(connection: Connection, loans: Sequence[Any]) -> None:
    """Tell the staff, once a case, of loans past the product's threshold for a write-off."""
    hopeless = {
        loan["case_id"]: loan
        for loan in loans
        if loan["dpd"] > parse_terms(loan["terms"]).write_off_after_dpd
    }
    if not hopeless:
        return
    known = {row["case_id"] for row in await connection.fetch(_PROPOSED, list(hopeless))}
    fresh = [loan for case_id, loan in hopeless.items() if case_id not in known]
    texts = {loan["id"]: f"A write-off is proposed: {loan['dpd']} days past due" for loan in fresh}
    await cases.add_steps(
        connection, [Step(loan, "write_off_proposed", text) for loan, text in texts.items()]
    )
    await inbox.write(
        connection,
        [
            inbox.Notice(None, "loan_recovery", "A write-off is proposed", f"{text}.", loan)
            for loan, text in texts.items()
        ],
    )
