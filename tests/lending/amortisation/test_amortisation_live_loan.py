"""A loan under way: a new course after a change."""

from datetime import date

import pytest
from loan_tables import loan, minor, money, rows

from core.lending.amortisation import (
    WEEKLY,
    Method,
    PrepaymentMode,
    Terms,
    TermsError,
    generate,
    reschedule,
)

A_YEAR = loan("100000", "12", 12, (2026, 1, 1))


def test_a_prepayment_on_a_due_date_is_the_quote_s() -> None:
    """After the third instalment 76,108.02 is left; 20,000 of it is paid at once."""
    left = minor("76108.02") - minor("20000")
    shorter = reschedule(
        A_YEAR, left, after=3, mode=PrepaymentMode.REDUCE_TENURE, part_minor=minor("8884.88")
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
        part_minor=whole.part_minor,
    )
    assert rows(rest) == rows(whole)[5:]


@pytest.mark.parametrize("method", [Method.EQUAL_PRINCIPAL, Method.BULLET, Method.FLAT])
@pytest.mark.parametrize("mode", list(PrepaymentMode))
def test_every_method_has_a_course_after_a_prepayment(method: Method, mode: PrepaymentMode) -> None:
    terms = loan("12000", "12", 12, (2026, 1, 1), method=method)
    whole = generate(terms)
    left = whole.instalments[2].balance_minor - minor("2000")
    rest = reschedule(terms, left, after=3, mode=mode, part_minor=whole.part_minor)
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


def test_a_loan_that_was_shortened_stays_short_when_its_emi_is_reduced() -> None:
    """12 instalments, 10 after a prepayment; a later one spreads what is left over those 10."""
    left = minor("76108.02") - minor("20000")
    shorter = reschedule(
        A_YEAR, left, after=3, mode=PrepaymentMode.REDUCE_TENURE, part_minor=minor("8884.88")
    )
    later = shorter.instalments[2].balance_minor - minor("5000")
    lower = reschedule(A_YEAR, later, after=6, mode=PrepaymentMode.REDUCE_EMI, until=10)
    assert [row.number for row in lower.instalments] == [7, 8, 9, 10]
    assert lower.emi_minor < shorter.emi_minor
    with pytest.raises(TermsError):
        reschedule(A_YEAR, later, after=10, mode=PrepaymentMode.REDUCE_EMI, until=10)


def test_what_a_moratorium_deferred_is_asked_after_a_prepayment_too() -> None:
    """12,000 at 12 %: 120.00 a month, deferred for three; 6,000 is paid after two of them."""
    terms = loan("12000", "12", 12, (2026, 1, 1), interest_moratorium=3, moratorium=3)
    rest = reschedule(
        terms,
        minor("6000"),
        after=2,
        mode=PrepaymentMode.REDUCE_EMI,
        unpaid_interest_minor=minor("240"),
        deferred=(minor("120"), minor("120")),
    )
    third, fourth, *_ = rest.instalments
    assert (third.interest_minor, third.earned_minor) == (0, minor("60"))
    assert fourth.interest_minor == minor("240") + minor("60") + fourth.earned_minor
    assert fourth.total_minor == rest.emi_minor + minor("300")  # on top: the EMI had a rest


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
