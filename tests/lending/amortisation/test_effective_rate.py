"""The effective annual rate as the European Union computes it, against its own examples."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from loan_tables import loan, minor

from core.lending.amortisation import (
    BIWEEKLY,
    MONTHLY,
    FeeRule,
    Frequency,
    Interval,
    Terms,
    TermsError,
    Unit,
    effective_annual_rate,
    quote,
)
from core.lending.amortisation.effective import years

FIRST_OF_1994 = date(1994, 1, 1)
START = (2026, 1, 1)
IN_THREE = [(date(1994, 4, 1), "272"), (date(1994, 7, 1), "272"), (date(1995, 1, 1), "544")]
# COM(1996) 79, Annex III (adopted as Directive 98/7/EC): A on a calendar basis, B on the basis of a
# standard year of 12 equal months. As far as the annex rounds them.
EXAMPLES = [
    ("A 1", Interval.YEARS, "1000", [(date(1995, 7, 1), "1200")], "12.96"),
    ("A 2", Interval.YEARS, "950", [(date(1995, 7, 1), "1200")], "16.9"),
    (
        "A 3",
        Interval.YEARS,
        "1000",
        [(date(1995, 1, 1), "600"), (date(1996, 1, 1), "600")],
        "13.07",
    ),
    ("A 4", Interval.YEARS, "1000", IN_THREE, "13.2"),
    ("B 1", Interval.MONTHS, "1000", [(date(1995, 7, 1), "1200")], "12.92"),
    (
        "B 3",
        Interval.MONTHS,
        "1000",
        [(date(1995, 1, 1), "600"), (date(1996, 1, 1), "600")],
        "13.07",
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[0])
def test_the_european_union_s_worked_examples(
    example: tuple[str, Interval, str, list[tuple[date, str]], str],
) -> None:
    _, interval, received, payments, rate = example

    computed = effective_annual_rate(
        minor(received),
        [(day, minor(amount)) for day, amount in payments],
        advanced_on=FIRST_OF_1994,
        interval=interval,
    )

    places = Decimal(1).scaleb(Decimal(rate).as_tuple().exponent)
    assert computed.quantize(places) == Decimal(rate)


@pytest.mark.parametrize(
    ("start", "end", "interval", "expected"),
    [
        # 546 = 365 + 181 days (COM(1996) 79, Annex III, first example)
        (FIRST_OF_1994, date(1995, 7, 1), Interval.YEARS, Fraction(546, 365)),
        (FIRST_OF_1994, date(1995, 7, 1), Interval.MONTHS, Fraction(18, 12)),
        (date(2026, 1, 31), date(2026, 2, 28), Interval.MONTHS, Fraction(1, 12)),
        (date(2026, 1, 12), date(2026, 3, 1), Interval.MONTHS, Fraction(1, 12) + Fraction(20, 365)),
        # The 29th of February is one of the 366 days of the year that ends with the last day.
        (date(2024, 2, 20), date(2024, 4, 1), Interval.MONTHS, Fraction(1, 12) + Fraction(10, 366)),
        (date(2026, 1, 1), date(2026, 1, 31), Interval.WEEKS, Fraction(4, 52) + Fraction(2, 365)),
    ],
)
def test_intervals_are_counted_back_from_the_payment(
    start: date, end: date, interval: Interval, expected: Fraction
) -> None:
    assert years(start, end, interval) == expected


def test_monthly_interest_compounds() -> None:
    """1 percent a month is (1.01^12 - 1) a year."""
    found = quote(loan("12000", "12", 12, START))

    assert found.ear == pytest.approx(Decimal("12.6825"), abs=Decimal("0.0005"))
    assert found.apr == pytest.approx(Decimal(12), abs=Decimal("0.0005"))
    assert found.finance_charge_minor == found.total_interest_minor


def test_the_fee_counts() -> None:
    free = quote(loan("12000", "0", 12, START))
    dear = quote(loan("12000", "0", 12, START, fee_minor=12_000))

    assert (free.ear, free.finance_charge_minor) == (Decimal(0), 0)
    assert (dear.ear > dear.apr, dear.finance_charge_minor) == (True, 12_000)


@pytest.mark.parametrize(
    ("terms", "apr", "ear"),
    [
        # 300 of 1,000 for a day: 303.33 / 700 times 365; compounded, 10^59 percent.
        (
            Terms(
                100_000,
                Decimal(12),
                1,
                date(2026, 1, 1),
                frequency=Frequency(1, Unit.DAYS),
                fee_minor=30_000,
            ),
            Decimal("15659.5"),
            None,
        ),
        # A cent of 12,000 is received.
        (loan("12000", "12", 12, START, fee_minor=1_199_999), Decimal(127_942_800), None),
        (loan("1000", "12", 12, START, instalment_fees=(FeeRule(10**15),)), None, None),
    ],
)
def test_a_rate_that_nobody_can_use_is_not_told(
    terms: Terms, apr: Decimal | None, ear: Decimal | None
) -> None:
    found = quote(terms)

    assert found.apr == (apr and pytest.approx(apr, rel=Decimal("0.001")))
    assert found.ear == ear


def test_what_payments_are_counted_in() -> None:
    every_ten_days = Frequency(10, Unit.DAYS)

    assert [Interval.of(each) for each in (MONTHLY, BIWEEKLY, every_ten_days)] == [
        Interval.MONTHS,
        Interval.WEEKS,
        Interval.YEARS,
    ]


def test_payments_that_never_repay_have_no_rate() -> None:
    with pytest.raises(TermsError):
        effective_annual_rate(
            1000, [(date(2027, 1, 1), 999)], advanced_on=date(2026, 1, 1), interval=Interval.YEARS
        )
