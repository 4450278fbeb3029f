"""How late a loan is and what it is called for it, at every day's end."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lending.collections.delinquency import (
    Arrears,
    bucket,
    classify_borrower,
    days_past_due,
    specified_until,
    worst,
)
from core.lending.origination.products import BucketEdges
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.states import Classification

EDGES = BucketEdges()
EVERY_DAY = CollectionCalendar()
STANDARD, SMA0, SMA1, SMA2, NPA = Classification
DUE = date(2026, 3, 31)

arrears = st.builds(Arrears, st.integers(0, 400), st.sampled_from(Classification))


@pytest.mark.parametrize(
    ("dpd", "expected"),
    [
        *[(0, STANDARD), (1, SMA0), (30, SMA0), (31, SMA1), (60, SMA1), (61, SMA2)],
        *[(90, SMA2), (91, NPA)],
    ],
)
def test_the_regulators_buckets(dpd, expected):
    assert bucket(dpd, EDGES) is expected


def test_the_bucket_edges_are_a_setting():
    strict = BucketEdges(10, 20, 30)
    assert [bucket(dpd, strict) for dpd in (10, 11, 21, 31)] == [SMA0, SMA1, SMA2, NPA]
    with pytest.raises(ValueError, match="rise"):
        BucketEdges(30, 30, 90)


def test_days_are_counted_from_the_oldest_unpaid_instalment():
    assert days_past_due(None, DUE, EVERY_DAY) == 0
    assert days_past_due(DUE, DUE - timedelta(days=1), EVERY_DAY) == 0
    assert days_past_due(DUE, DUE, EVERY_DAY) == 1


@pytest.mark.parametrize(
    ("closed", "dpd", "expected"),
    [
        (date(2026, 3, 30), 0, STANDARD),
        (date(2026, 3, 31), 1, SMA0),
        (date(2026, 4, 29), 30, SMA0),
        (date(2026, 4, 30), 31, SMA1),
        (date(2026, 5, 29), 60, SMA1),
        (date(2026, 5, 30), 61, SMA2),
        (date(2026, 6, 28), 90, SMA2),
        (date(2026, 6, 29), 91, NPA),
    ],
)
def test_the_regulators_own_illustration_of_dues_of_31_march(closed, dpd, expected):
    """RBI circular of 12 November 2021: SMA-1 on 30 April, SMA-2 on 30 May, NPA on 29 June."""
    assert days_past_due(DUE, closed, EVERY_DAY) == dpd
    assert bucket(dpd, EDGES) is expected


def test_an_npa_is_not_upgraded_by_a_part_payment_that_brings_the_days_down():
    assert classify_borrower([Arrears(20, NPA)]) == [NPA]
    assert classify_borrower([Arrears(0, NPA)]) == [STANDARD]


def test_arrears_that_a_new_schedule_put_off_keep_an_npa_an_npa():
    assert classify_borrower([Arrears(0, NPA, carried=True)]) == [NPA]
    assert classify_borrower([Arrears(0, NPA, carried=True), Arrears(0, NPA)]) == [NPA, NPA]
    assert classify_borrower([Arrears(0, SMA2, carried=True)]) == [STANDARD]


def test_a_restructured_loan_is_an_npa_through_the_specified_period_whatever_it_was():
    assert classify_borrower([Arrears(0, STANDARD, specified=True)]) == [NPA]
    assert classify_borrower([Arrears(0, NPA, specified=True), Arrears(0, STANDARD)]) == [NPA, NPA]
    assert classify_borrower([Arrears(0, NPA), Arrears(0, NPA)]) == [STANDARD, STANDARD]


def test_the_specified_period_begins_again_when_arrears_of_more_than_30_days_are_paid():
    until, day = DUE + timedelta(days=365), DUE + timedelta(days=100)
    paid, late = Arrears(0, NPA), Arrears(30, NPA)
    assert specified_until(None, day, Arrears(90, NPA), 365) is None
    assert specified_until(until, day, paid, 365) == until
    assert specified_until(until, day, late, 365) == until
    broken = specified_until(until, day, Arrears(31, NPA), 365)
    assert broken == date.max
    assert specified_until(broken, day, late, 365) == date.max
    assert specified_until(broken, day, Arrears(0, NPA, carried=True), 365) == date.max
    assert specified_until(broken, day, paid, 365) == day + timedelta(days=365)
    assert specified_until(until, until, Arrears(90, NPA), 365) == until, "it is over"


def test_an_sma_follows_its_days_both_ways():
    assert classify_borrower([Arrears(5, SMA2)]) == [SMA0]


def test_one_bad_loan_marks_all_loans_of_the_borrower():
    assert classify_borrower([Arrears(0, STANDARD), Arrears(91, SMA2)]) == [NPA, NPA]


def test_the_good_loan_is_upgraded_only_with_the_bad_one():
    assert classify_borrower([Arrears(0, NPA), Arrears(3, NPA)]) == [NPA, NPA]
    assert classify_borrower([Arrears(0, NPA), Arrears(0, NPA)]) == [STANDARD, STANDARD]


def test_sma_stays_with_the_loan_it_is_about():
    assert classify_borrower([Arrears(0, STANDARD), Arrears(40, SMA0)]) == [STANDARD, SMA1]


@given(st.lists(arrears, min_size=1, max_size=6))
def test_non_performance_is_all_or_none(loans):
    classes = classify_borrower(loans)
    assert len(set(classes)) == 1 or NPA not in classes
    if all(loan.dpd == 0 for loan in loans):
        assert set(classes) == {STANDARD}


@given(st.integers(0, 300), st.integers(1, 200))
def test_without_payment_lateness_only_grows(start, days):
    previous = STANDARD
    for day in range(start, start + days):
        now = DUE + timedelta(days=day)
        assert (
            days_past_due(DUE, now + timedelta(days=1), EVERY_DAY)
            == days_past_due(DUE, now, EVERY_DAY) + 1
        )
        (current,) = classify_borrower([Arrears(days_past_due(DUE, now, EVERY_DAY), previous)])
        assert current.severity >= previous.severity
        previous = current


def test_the_worst_of_nothing_is_standard():
    assert worst([]) is STANDARD
    assert worst([SMA0, SMA2, SMA1]) is SMA2
