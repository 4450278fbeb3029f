"""What the accounts show of an income: month after month, and only what stays."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from core.lending.origination.inflows import SeenIncome, first_day, seen_income
from core.lending.origination.policy import CURRENT

TODAY = date(2026, 11, 21)
EMPLOYER, FRIEND, TENANT = "employer", "friend", "tenant"


def salary(amount, *months, payer=EMPLOYER):
    return [(date(2026, month, 28), payer, amount) for month in months]


def seen(*flows):
    return seen_income(sorted(flows, key=lambda flow: flow[0]), TODAY, CURRENT)


def test_a_salary_of_six_months_is_an_income():
    income = seen(*salary(3_000, 5, 6, 7, 8, 9, 10))
    assert income == SeenIncome(3_000, months=6, of_months=6, payers=1)
    assert first_day(TODAY, CURRENT) == date(2026, 5, 1)
    assert first_day(date(2026, 3, 31), CURRENT) == date(2025, 9, 1)


def test_three_months_of_a_new_salary_are_enough_two_are_not():
    assert seen(*salary(3_000, 8, 9, 10)).monthly_minor == 3_000
    assert seen(*salary(3_000, 9, 10)).monthly_minor == 0


def test_who_was_paid_half_of_the_time_or_no_longer_has_no_regular_income():
    assert seen(*salary(3_000, 5, 7, 9)).monthly_minor == 0
    assert seen(*salary(3_000, 5, 6, 7)).monthly_minor == 0
    assert seen(*salary(3_000, 5, 6, 7, 9, 10)).monthly_minor == 3_000


def test_several_payers_make_an_income_together():
    flows = [*salary(1_000, 7, 9, 10), *salary(500, 7, 8, 10, payer=TENANT)]
    income = seen(*flows)
    assert (income.monthly_minor, income.payers, income.months) == (1_000, 2, 4)


def test_one_large_sum_is_no_income_and_raises_none():
    assert seen((date(2026, 10, 5), FRIEND, 90_000)).monthly_minor == 0
    with_salary = seen(*salary(3_000, 5, 6, 7, 8, 9, 10), (date(2026, 10, 5), FRIEND, 90_000))
    assert with_salary.monthly_minor == 3_000


def test_many_sums_in_one_month_are_one_month():
    flows = [(date(2026, 10, day), f"friend {day}", 1_000) for day in range(1, 31)]
    assert seen(*flows) == SeenIncome(0, months=1, of_months=1, payers=30)


def test_money_that_was_sent_back_was_never_income():
    flows = salary(3_000, 5, 6, 7, 8, 9, 10, payer=FRIEND)
    back = [(date(2026, month, 2), FRIEND, -3_000) for month in (6, 7, 8, 9, 10, 11)]
    assert seen(*flows, *back) == SeenIncome(sent_back_minor=18_000)


def test_nor_is_what_had_gone_out_first():
    out = [(date(2026, month, 1), FRIEND, -3_000) for month in (5, 6, 7, 8, 9, 10)]
    flows = salary(3_000, 5, 6, 7, 8, 9, 10, payer=FRIEND)
    assert seen(*out, *flows) == SeenIncome(sent_back_minor=18_000)


def test_what_goes_to_somebody_else_takes_nothing_away():
    rent = [(date(2026, month, 29), "landlord", -1_000) for month in (5, 6, 7, 8, 9, 10)]
    assert seen(*salary(3_000, 5, 6, 7, 8, 9, 10), *rent).monthly_minor == 3_000


def test_the_current_month_is_not_over_and_does_not_count():
    assert seen(*salary(3_000, 8, 9), (date(2026, 11, 20), EMPLOYER, 3_000)).monthly_minor == 0
    # What goes back in it still takes back what came before.
    gone = seen(*salary(3_000, 8, 9, 10), (date(2026, 11, 1), EMPLOYER, -3_000))
    assert (gone.monthly_minor, gone.months) == (0, 2)


FLOWS = st.lists(
    st.tuples(
        st.dates(date(2026, 5, 1), TODAY), st.sampled_from("abc"), st.integers(-5_000, 5_000)
    ),
    max_size=40,
)


@given(FLOWS)
def test_no_more_is_income_than_came_in_and_stayed(flows):
    income = seen(*flows)
    assert 0 <= income.months <= income.of_months <= 6
    net = sum(max(0, sum(amount for _, of, amount in flows if of == payer)) for payer in "abc")
    assert 0 <= income.monthly_minor * income.months <= 2 * net
    assert income.sent_back_minor <= sum(amount for *_, amount in flows if amount > 0)
