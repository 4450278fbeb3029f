"""A loan under way: interest to a day, foreclosure, and a new course after a change."""

from datetime import date, timedelta

import pytest
from loan_tables import loan, minor, money, rows

from core.lending.amortisation import (
    WEEKLY,
    DayCount,
    InterestPause,
    Method,
    PrepaymentMode,
    Rounding,
    Terms,
    TermsError,
    accrued_interest,
    generate,
    payoff,
    reschedule,
)

A_YEAR = loan("100000", "12", 12, (2026, 1, 1))


def test_interest_grows_day_by_day_as_fineract_accrues_it() -> None:
    """ProgressiveEMICalculatorTest.dailyInterest_disbursedAmt1000_…_repayIn1Month, in cents"""
    terms = loan("1000", "7", 1, (2024, 1, 1), rounding=Rounding.HALF_EVEN)
    start = date(2024, 1, 1)
    to_date = [
        accrued_interest(terms, minor("1000"), since=start, until=start + timedelta(days=days))
        for days in (1, 2, 3, 4, 9, 14, 20, 25, 30, 31)
    ]
    assert to_date == [19, 38, 56, 75, 169, 263, 376, 470, 565, 583]


def test_half_a_month_of_february_as_fineract_pays_it_off() -> None:
    """…balance_correction_on0215…: 14 of 29 days on 83.57, 0.24 of the period's 0.49"""
    terms = loan("100", "7", 6, (2024, 1, 1))
    settled = payoff(terms, minor("83.57"), last_due=date(2024, 2, 1), on=date(2024, 2, 15))
    assert (settled.principal_minor, settled.interest_minor) == (minor("83.57"), minor("0.24"))
    assert settled.total_minor == minor("83.81")


@pytest.mark.parametrize("day_count", list(DayCount))
@pytest.mark.parametrize("start", [(2023, 12, 15), (2024, 1, 31)])
def test_interest_to_the_due_date_is_the_schedule_s(
    day_count: DayCount, start: tuple[int, int, int]
) -> None:
    pause = InterestPause(date(2024, 4, 3), date(2024, 5, 2))
    terms = loan("36500", "11.11", 12, start, day_count=day_count, interest_pauses=(pause,))
    for row in generate(terms).instalments:
        earned = accrued_interest(
            terms, row.opening_balance_minor, since=row.start_date, until=row.due_date
        )
        assert earned == row.interest_minor


def test_interest_goes_on_after_the_last_due_date() -> None:
    terms = loan("36500", "10", 2, (2026, 1, 1), day_count=DayCount.ACTUAL_365)
    late = accrued_interest(terms, minor("36500"), since=date(2026, 3, 1), until=date(2026, 3, 11))
    assert money(late) == "100.00"


def test_foreclosure_before_any_day_has_passed_costs_the_principal() -> None:
    same_day = payoff(A_YEAR, minor("100000"), last_due=date(2026, 1, 1), on=date(2026, 1, 1))
    assert same_day.total_minor == minor("100000")


def test_foreclosure_includes_what_was_charged_but_not_paid() -> None:
    due = payoff(
        A_YEAR,
        minor("100000"),
        last_due=date(2026, 2, 1),
        on=date(2026, 2, 15),
        unpaid_interest_minor=minor("1000"),
    )
    assert due.interest_minor == minor("1000") + minor("500")


def test_foreclosing_a_flat_loan_pays_the_days_on_the_whole_loan() -> None:
    terms = loan("12000", "12", 12, (2026, 1, 1), method=Method.FLAT)
    settled = payoff(terms, minor("6000"), last_due=date(2026, 6, 1), on=date(2026, 6, 16))
    assert settled.interest_minor == minor("60")


def test_a_prepayment_on_a_due_date_is_the_quote_s() -> None:
    """After the third instalment 76,108.02 is left; 20,000 of it is paid at once."""
    left = minor("76108.02") - minor("20000")
    shorter = reschedule(
        A_YEAR, left, after=3, mode=PrepaymentMode.REDUCE_TENURE, emi_minor=minor("8884.88")
    )
    lower = reschedule(A_YEAR, left, after=3, mode=PrepaymentMode.REDUCE_EMI)
    assert [row.number for row in shorter.instalments] == [4, 5, 6, 7, 8, 9, 10]
    assert shorter.instalments[0].due_date == date(2026, 5, 1)
    assert money(shorter.emi_minor) == "8884.88"
    assert [row.number for row in lower.instalments] == list(range(4, 13))
    assert money(lower.emi_minor) == "6550.07"
    for schedule in (shorter, lower):
        assert schedule.principal_minor == left


def test_a_prepayment_within_a_period_earns_interest_on_what_is_left() -> None:
    """On 16 April 15 of 30 days have passed: half a month on 60,000 and half on 40,000."""
    half_way = reschedule(
        A_YEAR,
        minor("40000"),
        after=3,
        mode=PrepaymentMode.REDUCE_EMI,
        balance_since=date(2026, 4, 16),
        unpaid_interest_minor=minor("300"),
    )
    first, *_, last = half_way.instalments
    assert first.interest_minor == minor("300") + minor("200")
    assert abs(last.total_minor - half_way.emi_minor) <= len(half_way.instalments)
    assert half_way.principal_minor == minor("40000")


def test_the_rest_of_an_untouched_loan_is_what_it_was() -> None:
    whole = generate(A_YEAR)
    rest = reschedule(
        A_YEAR,
        whole.instalments[4].balance_minor,
        after=5,
        mode=PrepaymentMode.REDUCE_TENURE,
        emi_minor=whole.emi_minor,
    )
    assert rows(rest) == rows(whole)[5:]


@pytest.mark.parametrize("method", [Method.EQUAL_PRINCIPAL, Method.BULLET, Method.FLAT])
@pytest.mark.parametrize("mode", list(PrepaymentMode))
def test_every_method_has_a_course_after_a_prepayment(method: Method, mode: PrepaymentMode) -> None:
    terms = loan("12000", "12", 12, (2026, 1, 1), method=method)
    whole = generate(terms)
    left = whole.instalments[2].balance_minor - minor("2000")
    rest = reschedule(terms, left, after=3, mode=mode, emi_minor=whole.emi_minor)
    assert rest.principal_minor == left
    assert rest.instalments[-1].balance_minor == 0
    shortens = mode is PrepaymentMode.REDUCE_TENURE and method is not Method.BULLET
    assert (len(rest.instalments) < 9) == shortens


def test_a_restructured_loan_is_a_new_loan_over_what_is_left() -> None:
    """Weekly instead of monthly, at half the rate, on the balance of the day."""
    restructured = Terms(
        minor("76108.02"), A_YEAR.annual_rate / 2, 52, date(2026, 4, 10), frequency=WEEKLY
    )
    schedule = generate(restructured)
    assert schedule.instalments[0].due_date == date(2026, 4, 17)
    assert schedule.principal_minor == minor("76108.02")


def test_nothing_to_reschedule_is_refused() -> None:
    with pytest.raises(TermsError):
        reschedule(A_YEAR, minor("1"), after=12, mode=PrepaymentMode.REDUCE_EMI)
    with pytest.raises(TermsError):
        reschedule(A_YEAR, 0, after=3, mode=PrepaymentMode.REDUCE_EMI)
    with pytest.raises(TermsError):
        reschedule(
            A_YEAR,
            minor("1000"),
            after=3,
            mode=PrepaymentMode.REDUCE_EMI,
            balance_since=date(2026, 6, 1),
        )
