"""A loan in memory: arrears that end, and what may be taken for those that have not."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.foundation.ids import new_id
from core.ledger.directory import Funds
from core.lending.collections.set_off import Purses
from core.lending.origination.products import ProductTerms
from core.lending.servicing.allocation import Split
from core.lending.servicing.loan_book import Line, LoanBook, owed_in_all
from core.lending.states import Classification, LoanEvent, LoanStatus

DUE = date(2026, 3, 1)
BORROWER = new_id()


def book(*unpaid: int, borrower: UUID = BORROWER, currency: str = "EUR", **standing) -> LoanBook:
    """A running loan whose instalments ask these amounts, due a month apart from ``DUE``."""
    lines = [
        Line(1, number, due - timedelta(days=30), due, 0, Split(principal=amount))
        for number, amount in enumerate(unpaid, 1)
        for due in [DUE + timedelta(days=30 * (number - 1))]
    ]
    return LoanBook(
        id=new_id(), user_id=borrower, account_id=new_id(), status=LoanStatus.ACTIVE,
        currency=currency, amount=sum(unpaid), rate=Decimal(12), terms=ProductTerms(), fee=0,
        emi=unpaid[0], disbursement_transaction_id=None, outstanding=sum(unpaid), repaid=0,
        principal_written_off=0, interest_accrued=0, interest_paid=0, written_off=0, recovered=0,
        version=1, basis=None, window=None, tenure_months=len(unpaid),
        **{"dpd": 0, "classification": Classification.STANDARD, "in_default": False, **standing},
        lines={(1, line.number): line for line in lines},
    )  # fmt: skip


def in_trouble(*unpaid: int, classification: Classification) -> LoanBook:
    return book(*unpaid, dpd=95, classification=classification, in_default=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Classification.SMA2, Classification.STANDARD),
        # Non-performance is the borrower's: a day's end decides, when all loans are looked at.
        (Classification.NPA, Classification.NPA),
    ],
)
def test_whoever_pays_all_arrears_is_out_of_default(before, after):
    loan = in_trouble(100, 100, classification=before)
    loan.pay(100, loan.due(DUE), DUE)
    assert (loan.dpd, loan.in_default, loan.classification) == (0, False, after)


def test_whoever_pays_a_part_of_the_arrears_stays_in_default():
    loan = in_trouble(100, 100, classification=Classification.SMA2)
    loan.pay(99, loan.due(DUE), DUE)
    assert (loan.dpd, loan.in_default, loan.classification) == (95, True, Classification.SMA2)


def test_a_loan_that_is_paid_off_leaves_no_mark_and_one_that_was_settled_does():
    repaid, settled = (in_trouble(100, classification=Classification.NPA) for _ in range(2))
    repaid.pay(100, repaid.due(DUE), DUE)
    repaid.end_if_repaid(DUE)
    assert (repaid.status, repaid.classification) == (LoanStatus.CLOSED, Classification.STANDARD)
    settled.move(LoanEvent.SETTLE, DUE)
    settled.cure()
    assert (settled.in_default, settled.classification) == (False, Classification.NPA)


@given(
    st.lists(st.lists(st.integers(1, 500), min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(st.integers(1, 700), max_size=4),
    st.integers(0, 120),
)
def test_a_set_off_takes_what_is_due_and_nobodys_money_twice(loans, balances, days):
    on = DUE + timedelta(days=days)
    accounts = {new_id(): balance for balance in balances}
    strange = [
        Funds(new_id(), new_id(), "EUR", 10**6),
        Funds(new_id(), BORROWER, "USD", 10**6),
    ]
    own = [Funds(account, BORROWER, "EUR", balance) for account, balance in accounts.items()]
    purses = Purses([*strange, *own])
    taken = dict.fromkeys(accounts, 0)
    left = sum(balances)
    for unpaid in loans:
        loan = book(*unpaid)
        asked = purses.set_off(loan, on)
        amount = sum(order.amount_minor for order in asked)
        assert amount == min(owed_in_all(loan.due(on)).total, left)
        left -= amount
        for order in asked:
            taken[order.debit_account_id] += order.amount_minor
    assert all(taken[account] <= balance for account, balance in accounts.items())
