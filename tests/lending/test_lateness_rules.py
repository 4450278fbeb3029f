"""Late fees, penal charges, retry days and the collection calendar."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lending.amortisation import Rounding
from core.lending.amortisation.rounding import round_minor
from core.lending.collections.penalties import LateFee, late_fee_falls_on, penal_charge
from core.lending.collections.retries import next_attempt_on
from core.lending.servicing.calendar import CollectionCalendar

EVERY_DAY = CollectionCalendar()
GERMANY = CollectionCalendar("DE")
DUE = date(2026, 5, 1)  # Labour Day in Germany, a Friday


def test_a_late_fee_is_a_flat_amount_plus_a_share_of_what_is_overdue():
    assert LateFee(3, 500, Decimal("1.5")).amount_minor(10_033) == 650
    assert LateFee(3, 0, Decimal(0)).amount_minor(10_033) == 0


def test_the_late_fee_falls_on_the_day_after_the_days_of_grace():
    assert late_fee_falls_on(date(2026, 1, 31), 3) == date(2026, 2, 4)
    assert late_fee_falls_on(date(2026, 1, 31), 0) == date(2026, 2, 1)


def test_a_year_of_penal_charge_on_an_overdue_thousand_at_12_percent_is_120():
    charge, _ = penal_charge(100_000, Decimal(12), 365, Rounding.HALF_UP, 0)
    assert charge == 12_000


@given(
    st.integers(0, 10**11),
    st.decimals(0, 60, places=6, allow_nan=False),
    st.lists(st.integers(1, 20), min_size=1, max_size=30),
    st.sampled_from(Rounding),
)
def test_charging_by_the_day_is_charging_at_once(overdue, rate, spans, rounding):
    exact, charged = 0, 0
    for days in spans:
        part, exact = penal_charge(overdue, rate, days, rounding, exact)
        charged += part
    assert (charged, exact) == penal_charge(overdue, rate, sum(spans), rounding, 0)
    due = Fraction(rate) * overdue * sum(spans) / 36_500
    assert charged == round_minor(due, rounding)


def test_collection_waits_for_the_next_business_day_where_a_country_is_set():
    assert GERMANY.adjust(DUE) == date(2026, 5, 4)
    assert EVERY_DAY.adjust(DUE) == DUE


def test_a_country_without_known_holidays_is_refused_at_once():
    with pytest.raises(ValueError, match="no holidays"):
        CollectionCalendar("XX")


def test_retries_follow_on_days_one_three_and_seven_and_then_stop():
    days = []
    today = DUE
    for made in range(1, 5):
        planned = next_attempt_on(DUE, made, (1, 3, 7), today, EVERY_DAY)
        days.append(planned and (planned - DUE).days)
        today = planned or today
    assert days == [1, 3, 7, None]


def test_a_retry_on_a_holiday_moves_and_never_shares_a_day_with_another():
    friday = date(2026, 4, 30)
    second = next_attempt_on(friday, 1, (1, 2, 7), friday, GERMANY)
    assert second == date(2026, 5, 4)
    third = next_attempt_on(friday, 2, (1, 2, 7), second, GERMANY)
    assert third == date(2026, 5, 5)


def test_days_that_were_missed_bring_one_attempt_not_several():
    late = DUE + timedelta(days=30)
    assert next_attempt_on(DUE, 1, (1, 3, 7), late, EVERY_DAY) == late + timedelta(days=1)


def test_a_retry_needs_an_attempt_before_it():
    with pytest.raises(ValueError, match="first attempt"):
        next_attempt_on(DUE, 0, (1,), DUE, EVERY_DAY)
