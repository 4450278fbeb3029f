"""Income of non-performing loans: in suspense until it is received."""

from copy import deepcopy
from datetime import date, timedelta

import pytest

from core.lending.collections import case_work
from core.lending.collections.lateness import close_day
from core.lending.servicing import suspense
from core.lending.servicing.accrual import Window
from core.lending.servicing.allocation import Component, Split
from core.lending.servicing.charges import waive
from core.lending.servicing.endings import restructure, settle, write_off
from core.lending.servicing.loan_book import owed_in_all
from core.lending.servicing.payoff import payoff
from core.lending.states import Classification
from tests.lending.test_late_interest import DUE, EVERY_DAY, book, late_interest, line_of
from tests.lending.test_recovery import act, broke

LATER = DUE + timedelta(days=100)


def npa(penalty: int = 0, **terms):
    """A loan that owes 1,000.00 and 100.00 of interest, non-performing from now on."""
    loan = book(1_000_00, interest=100_00, **terms)
    line_of(loan).asked += Split(penalty=penalty)
    loan.classification = Classification.NPA
    suspense.enter(loan, DUE)
    return loan


def in_suspense(loan):
    return loan.interest_suspended, loan.penalty_suspended


def test_unpaid_income_is_reversed_on_the_day_of_classification():
    loan = npa(penalty=20_00)
    assert in_suspense(loan) == (100_00, 20_00)
    assert (loan.newly_suspended, loan.newly_suspended_penalty) == (100_00, 20_00)
    assert loan.interest_accrued == 100_00, "the customer owes what he owed"


def test_what_is_charged_from_then_on_is_no_income():
    loan = npa(grace_days=0)
    charges = close_day(loan, DUE + timedelta(days=28), EVERY_DAY)
    assert charges.suspended == charges.total
    assert charges.total.interest == 10_00
    assert in_suspense(loan) == (110_00, charges.total.penalty)


def test_what_is_received_is_income_and_the_rest_on_the_upgrade():
    loan = npa(penalty=20_00)
    loan.pay(50_00, loan.due(LATER), LATER)  # the penalty, and 30.00 of interest
    assert in_suspense(loan) == (70_00, 0)
    suspense.leave(loan, LATER)
    assert in_suspense(loan) == (0, 0)
    assert (loan.newly_suspended, loan.newly_suspended_penalty) == (0, 0)
    assert loan.suspended_percent == 0


def test_what_is_lost_is_taken_from_suspense_and_not_from_income():
    loan = npa(penalty=20_00)
    ending = write_off(loan, LATER)
    assert ending.lost == Split(penalty=20_00, interest=100_00, principal=1_000_00)
    assert ending.suspended == Split(penalty=20_00, interest=100_00)
    assert in_suspense(loan) == (0, 0)


def test_a_settlement_makes_income_of_what_it_pays_and_takes_the_rest_from_suspense():
    loan = npa(penalty=20_00)
    ending = settle(loan, 70_00, LATER)
    assert ending.paid == Split(penalty=20_00, interest=50_00)
    assert ending.suspended == Split(interest=50_00)
    assert in_suspense(loan) == (0, 0)


def test_a_waiver_lets_go_of_what_stands_in_suspense_before_it_costs_income():
    loan = npa(penalty=20_00)
    waived = waive(loan, Component.INTEREST, 30_00, LATER)
    assert (waived.booked, waived.suspended) == (30_00, 30_00)
    assert waive(loan, Component.PENALTY, 5_00, LATER).suspended == 5_00
    assert in_suspense(loan) == (70_00, 15_00)
    loan.pay(85_00, loan.due(LATER), LATER)
    assert in_suspense(loan) == (0, 0), "all else came in"


def test_under_ifrs_9_only_the_allowances_share_is_no_income_and_nothing_is_reversed():
    loan = npa(penalty=20_00, npa_income="net", npa_allowance_percent=40, grace_days=0)
    assert in_suspense(loan) == (0, 0)
    charges = close_day(loan, DUE + timedelta(days=28), EVERY_DAY)
    assert charges.total.interest == 10_00
    assert charges.suspended == Split(interest=4_00)
    assert in_suspense(loan) == (4_00, 0)
    loan.pay(1_000_00, loan.due(LATER), LATER)
    assert loan.interest_suspended <= loan.interest_owed()


def test_a_loan_given_up_or_laid_out_anew_has_earned_what_a_payoff_that_day_would_ask():
    loan, on = book(1_000_00, grace_days=9), DUE + timedelta(days=11)
    late_interest(loan, 10)
    owed = payoff(loan, on).split
    assert owed.interest > line_of(loan).late_interest, "the day itself counts"
    assert write_off(deepcopy(loan), on).lost == owed
    restructure(loan, 12, loan.rate, on, EVERY_DAY)
    asked = owed_in_all(loan.due(loan.current()[0].due_date))
    assert loan.interest_owed() == owed.interest
    assert asked.interest >= owed.interest


def test_what_was_paid_ahead_is_income_when_it_is_earned():
    loan = npa()
    loan.pay(100_00, loan.due(LATER), LATER)
    loan.interest_paid += 50_00
    loan.window = Window(DUE, DUE + timedelta(days=10), 80_00)
    loan.accrue_to(DUE + timedelta(days=10))
    assert in_suspense(loan) == (30_00, 0)


@pytest.fixture
async def sound_books(lender):
    yield
    await lender.verify()


async def suspended(lender, loan_id):
    """What a loan owes of interest and penalties, and what of both stands in suspense."""
    (row,) = await lender.rows(
        "SELECT l.interest_accrued_minor - l.interest_paid_minor, ("
        "  SELECT sum(penalty_minor - penalty_paid_minor)::bigint FROM loan_instalments"
        "  WHERE loan_id = l.id AND superseded_at IS NULL),"
        " l.interest_suspended_minor, l.penalty_suspended_minor FROM loans l WHERE l.id = $1",
        loan_id,
    )
    return tuple(row[:2]), tuple(row[2:])


async def test_the_regulators_dates_dues_of_31_march_are_no_income_after_29_june(
    lender, sound_books
):
    """Reserve Bank of India, circular of 12 November 2021: NPA upon completion of 90 days.

    31 March to 29 June are 90 days, whatever the day on which this is read.
    """
    assert (date(2021, 6, 29) - date(2021, 3, 31)).days == 90
    borrower, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=89))
    assert (await suspended(lender, loan_id))[1] == (0, 0)
    await lender.close_through(due + timedelta(days=90))
    assert (await lender.view(loan_id)).classification == "npa"
    owed, in_suspense = await suspended(lender, loan_id)
    assert in_suspense == owed

    # Every day from then on, what is earned and charged goes there
    await lender.close_through(due + timedelta(days=100))
    more, in_suspense = await suspended(lender, loan_id)
    assert in_suspense == more
    assert more > owed

    # What is received is income; all of it once no arrears are left
    await lender.deposit(borrower, 500_00)
    await lender.pay(borrower, loan_id, "500")
    await lender.settle()
    owed, in_suspense = await suspended(lender, loan_id)
    assert in_suspense == owed
    assert sum(owed) < sum(more)
    await lender.deposit(borrower, 20_000_00)
    await lender.close_through(due + timedelta(days=101))
    assert (await lender.view(loan_id)).classification == "standard"
    assert (await suspended(lender, loan_id))[1] == (0, 0)


async def test_a_write_off_takes_from_suspense(lender, sound_books):
    _, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=95))
    _, stood = await suspended(lender, loan_id)
    income = "SELECT sum(amount_minor)::bigint FROM postings WHERE ledger_code IN ('4000', '4200')"
    before = await lender.value(income)
    await act(lender, case_work.write_off, loan_id, "Moved away", admin=True)
    assert stood > (0, 0)
    assert await lender.value(income) == before
    assert (await suspended(lender, loan_id))[1] == (0, 0)


async def test_a_loan_knows_its_penalties_in_suspense_and_earns_otherwise_once_only(
    lender, sound_books
):
    plain = await lender.product("no-late-interest", overdue_interest=False)
    net = await lender.product("net", npa_income="net", npa_allowance_percent=0)
    borrower, loan_id, due = await broke(lender, product=plain)
    _, netted, _ = await broke(lender, product=net)
    ledger = "SELECT coalesce(sum(amount_minor), 0)::bigint FROM postings WHERE ledger_code = $1"
    windows = "SELECT count(*) FROM loan_accruals WHERE loan_id = $1"
    await lender.close_through(due + timedelta(days=91))
    before = await lender.value(windows, netted)
    await lender.close_through(due + timedelta(days=94))
    assert (await lender.view(netted)).classification == "npa"
    assert await lender.value(windows, netted) == before
    _, (_, penalty) = await suspended(lender, loan_id)
    assert penalty == abs(await lender.value(ledger, "2310")) > 0

    await lender.deposit(borrower, 20_000_00)
    await lender.pay(borrower, loan_id, mode="foreclose")
    await lender.settle()
    assert (await lender.view(loan_id)).status in ("closed", "foreclosed")
    assert await lender.value(ledger, "2310") == 0
