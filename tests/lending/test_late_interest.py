"""What being late costs at a day's end, as the rules have it: no database."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lending.amortisation import DayCount, Rounding
from core.lending.amortisation.day_count import year_fraction
from core.lending.collections.lateness import close_day
from core.lending.origination.products import ProductTerms
from core.lending.servicing.allocation import Split
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.late_interest import YEAR, part_of_year
from core.lending.servicing.loan_book import Line, LoanBook
from core.lending.states import Classification, LoanStatus

NOBODY = UUID(int=0)
EVERY_DAY = CollectionCalendar()
DUE = date(2026, 1, 31)
COUNTS = list(DayCount)


def book(
    principal: int, rate: str = "12", interest: int = 0, due: date = DUE, **terms: object
) -> LoanBook:
    """A loan with one instalment, of which nothing is paid."""
    line = Line(1, 1, due - timedelta(days=30), due, principal, Split(0, 0, interest, principal))
    return LoanBook(
        id=NOBODY, user_id=NOBODY, account_id=NOBODY, status=LoanStatus.ACTIVE, currency="EUR",
        amount=principal, rate=Decimal(rate), terms=ProductTerms.model_validate(terms), fee=0,
        emi=principal, disbursement_transaction_id=None, outstanding=principal, repaid=0,
        principal_written_off=0, interest_accrued=interest, interest_paid=0, written_off=0,
        recovered=0, version=1, basis=None, window=None, tenure_months=1, dpd=0,
        classification=Classification.STANDARD, in_default=False, lines={(1, 1): line},
    )  # fmt: skip


def line_of(loan: LoanBook) -> Line:
    (line,) = loan.lines.values()
    return line


def late_interest(loan: LoanBook, days: int) -> int:
    """Close every day from the due date through so many days later."""
    due = line_of(loan).due_date
    return sum(
        close_day(loan, due + timedelta(days=day), EVERY_DAY).total.interest
        for day in range(days + 1)
    )


def test_a_thousand_at_10_percent_a_month_overdue_costs_8_33():
    """Worked in "Overdue interest calculation", corporatepracticebd.com, July 2023."""
    loan = book(1_000_00, "10", due=date(2026, 4, 15))
    assert late_interest(loan, 30) == 8_33
    assert line_of(loan).asked.interest == line_of(loan).late_interest == 8_33
    assert loan.interest_accrued == 8_33


def test_ten_thousand_at_8_percent_30_days_overdue_costs_65_75():
    """Worked in "How to calculate overdue interest", makemerichnow.com."""
    assert late_interest(book(10_000_00, "8", day_count="actual/365"), 30) == 65_75


@pytest.mark.parametrize(
    ("day_count", "days", "expected"),
    [
        ("30/360", 28, 1_000_00),  # 28 February is a month after 31 January: a twelfth
        ("30/360", 59, 2_000_00),
        ("30/360", 14, 500_00),
        ("actual/365", 365, 12_000_00),
        ("actual/364", 364, 12_000_00),
        ("actual/360", 360, 12_000_00),
        ("actual/actual", 365, 12_000_00),
    ],
)
def test_a_day_counts_as_the_product_counts_days(day_count, days, expected):
    assert late_interest(book(100_000_00, day_count=day_count), days) == expected


def test_30_360_counts_days_over_360_where_periods_are_days():
    assert late_interest(book(100_000_00, frequency="weekly"), 36) == 1_200_00


@given(
    st.sampled_from([count for count in COUNTS if count is not DayCount.THIRTY_360]),
    st.dates(date(2019, 1, 1), date(2033, 1, 1)),
    st.integers(0, 800),
    st.integers(0, 800),
)
def test_a_part_of_a_year_is_what_the_amortisation_counts(day_count, due, before, days):
    terms = ProductTerms(day_count=day_count)
    after = due + timedelta(days=before)
    through = after + timedelta(days=days)
    part = Fraction(part_of_year(terms, due, after, through), YEAR)
    assert part == year_fraction(after, through, day_count)


@given(
    st.integers(1, 10**13),
    st.decimals(0, 1000, places=6, allow_nan=False),
    st.sampled_from(COUNTS),
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_days_one_by_one_or_at_once_earn_the_same(principal, rate, day_count, spans):
    terms = {"day_count": day_count, "penal_rate": 0, "late_fee_percent": 0}
    by_day, at_once = book(principal, str(rate), **terms), book(principal, str(rate), **terms)
    day = DUE
    for span in spans:
        day += timedelta(days=span)
        close_day(by_day, day, EVERY_DAY)
    close_day(at_once, day, EVERY_DAY)
    assert line_of(by_day).asked == line_of(at_once).asked
    assert line_of(by_day).late_carried == line_of(at_once).late_carried


def test_what_was_paid_earns_no_more_and_closing_a_day_twice_adds_nothing():
    loan = book(100_000_00, day_count="actual/365", penal_rate=0, late_fee_percent=0)
    assert late_interest(loan, 10) == 328_77  # 12 % of 100,000 for 10 of 365 days
    loan.pay(328_77 + 50_000_00, loan.due(DUE + timedelta(days=11)), DUE + timedelta(days=11))
    day = DUE + timedelta(days=11)
    assert close_day(loan, day, EVERY_DAY).total.interest == 16_44
    assert close_day(loan, day, EVERY_DAY).total.total == 0


def test_late_interest_bears_neither_interest_nor_charges():
    terms = {"grace_days": 0, "penal_rate": 36, "late_fee_percent": 1}
    loan = book(1_000_00, interest=10_00, **terms)
    without = book(1_000_00, interest=10_00, overdue_interest=False, **terms)
    for day in range(60):
        charges = close_day(loan, DUE + timedelta(days=day), EVERY_DAY)
        assert (
            charges.total.penalty
            == close_day(without, DUE + timedelta(days=day), EVERY_DAY).total.penalty
        )
    assert line_of(without).asked.interest == 10_00
    assert line_of(loan).asked.interest == 10_00 + 20_00


def test_the_penal_charge_rounds_its_exact_total_by_the_products_mode():
    """1,000.00 at 0.5 % is 1.36986 minor units a day of 365."""
    expected = {"half_up": [1, 3, 4], "down": [1, 2, 4], "up": [2, 3, 5], "half_even": [1, 3, 4]}
    for mode, totals in expected.items():
        loan = book(
            1_000_00, penal_rate="0.5", late_fee_percent=0, grace_days=0, rounding=mode,
            overdue_interest=False,
        )  # fmt: skip
        charged = [
            close_day(loan, DUE + timedelta(days=n), EVERY_DAY).total.penalty for n in (1, 2, 3)
        ]
        assert [sum(charged[:n]) for n in (1, 2, 3)] == totals, mode
        assert Rounding(mode) is loan.terms.rounding


def test_nobody_pays_for_a_holiday_on_which_the_bank_did_not_collect():
    saturday, germany = date(2026, 5, 2), CollectionCalendar("DE")
    loan = book(100_000_00, due=saturday, day_count="actual/360", grace_days=0)
    monday = saturday + timedelta(days=2)
    assert [
        (charges.dpd, charges.total.interest, len(charges.newly_late))
        for charges in (close_day(loan, saturday + timedelta(days=n), germany) for n in range(4))
    ] == [(0, 0, 0), (0, 0, 0), (3, 0, 1), (4, 100_00, 0)]
    assert line_of(loan).late_to == monday + timedelta(days=1)
