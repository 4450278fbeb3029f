"""The annual percentage rate as the regulator computes it: Regulation Z, Appendix J, (c)."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from loan_tables import loan, minor

from core.lending.amortisation import (
    MONTHLY,
    QUARTERLY,
    SEMIMONTHLY,
    WEEKLY,
    FeeRule,
    Frequency,
    TermsError,
    annual_percentage_rate,
    fee_of,
    quote,
)
from core.lending.amortisation.apr import unit_periods

EXAMPLES = [
    # (c)(1)(i) monthly payments, regular first period
    ("5000", "230", 24, date(1978, 1, 10), date(1978, 2, 10), MONTHLY, "9.69"),
    # (c)(1)(ii) monthly payments, long first period of a month and 19 days
    ("6000", "200", 36, date(1978, 2, 10), date(1978, 4, 1), MONTHLY, "11.82"),
    # (c)(1)(iii) semimonthly payments, short first period of 6 days
    ("5000", "219.17", 24, date(1978, 2, 23), date(1978, 3, 1), SEMIMONTHLY, "10.34"),
    # (c)(1)(iv) quarterly payments, long first period of a quarter, a month and 9 days
    ("10000", "385", 40, date(1978, 5, 23), date(1978, 10, 1), QUARTERLY, "8.97"),
    # (c)(1)(v) weekly payments, long first period of 4 weeks and 4 days
    ("500", "17.60", 30, date(1978, 3, 20), date(1978, 4, 21), WEEKLY, "14.96"),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[-1])
def test_the_regulation_s_worked_examples(
    example: tuple[str, str, int, date, date, Frequency, str],
) -> None:
    amount, payment, count, advanced_on, first_on, frequency, apr = example
    computed = annual_percentage_rate(
        minor(amount),
        [minor(payment)] * count,
        advanced_on=advanced_on,
        first_payment_on=first_on,
        frequency=frequency,
    )
    assert computed.quantize(Decimal("0.01")) == Decimal(apr)


@pytest.mark.parametrize(
    ("payment", "advanced_on", "paid_on", "apr"),
    [
        # (c)(4)(i) less than a year, measured in days: 255 days
        ("1080", date(1978, 1, 3), date(1978, 9, 15), "11.45"),
        # (c)(4)(ii) less than a year, measured in months: 6 months
        ("1044", date(1978, 7, 15), date(1979, 1, 15), "8.80"),
    ],
)
def test_a_single_payment(payment: str, advanced_on: date, paid_on: date, apr: str) -> None:
    computed = annual_percentage_rate(
        minor("1000"),
        [minor(payment)],
        advanced_on=advanced_on,
        first_payment_on=paid_on,
        frequency=MONTHLY,
    )
    assert computed.quantize(Decimal("0.01")) == Decimal(apr)


def test_unit_periods_of_the_regulation_s_examples() -> None:
    quarter = unit_periods(date(1978, 5, 23), date(1978, 10, 1), QUARTERLY)
    assert (quarter.whole, quarter.fraction) == (1, Fraction(39, 90))
    week = unit_periods(date(1978, 3, 20), date(1978, 4, 21), WEEKLY)
    assert (week.whole, week.fraction) == (4, Fraction(4, 7))


@pytest.mark.parametrize(
    ("start", "first"),
    [
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2024, 2, 29), date(2024, 3, 29)),
        (date(2026, 1, 30), date(2026, 2, 28)),
    ],
)
def test_a_month_from_a_month_s_end_is_one_month(start: date, first: date) -> None:
    regular = unit_periods(start, first, MONTHLY)
    assert (regular.whole, regular.fraction) == (1, 0)


@pytest.mark.parametrize("frequency", [MONTHLY, SEMIMONTHLY, QUARTERLY])
def test_without_a_fee_the_apr_is_the_rate(frequency: Frequency) -> None:
    quoted = quote(loan("100000", "11.5", 24, (2026, 1, 15), frequency=frequency))
    assert abs(quoted.apr - Decimal("11.5")) < Decimal("0.001")


def test_the_fee_is_taken_from_what_the_customer_receives() -> None:
    """2 % of fee on a year at 12 %: 98,000 received, 8,884.88 a month."""
    free = quote(loan("100000", "12", 12, (2026, 1, 1)))
    charged = quote(loan("100000", "12", 12, (2026, 1, 1), fee_minor=minor("2000")))
    assert charged.schedule == free.schedule
    assert abs(free.apr - 12) < Decimal("0.001")
    assert charged.apr == Decimal("15.8545")


def test_the_illustration_of_india_s_key_facts_statement() -> None:
    """Reserve Bank of India, Key Facts Statement for Loans (2024), Annex B: 20,000 at 15 % over 24
    months in whole rupees, 400 of fees; 970 a month, 17.07 %."""
    terms = loan("20000", "15", 24, (2026, 1, 1), rounding_unit_minor=100, fee_minor=minor("400"))
    quoted = quote(terms)
    assert quoted.emi_minor == minor("970")
    assert quoted.apr.quantize(Decimal("0.01")) == Decimal("17.07")


def test_a_loan_without_interest_or_fee_costs_nothing() -> None:
    assert quote(loan("1000", "0", 7, (2026, 1, 1))).apr == 0


def test_payments_that_never_repay_have_no_rate() -> None:
    with pytest.raises(TermsError):
        annual_percentage_rate(
            1000,
            [100] * 9,
            advanced_on=date(2026, 1, 1),
            first_payment_on=date(2026, 2, 1),
            frequency=MONTHLY,
        )


def test_a_fee_with_tax_counts_in_whole() -> None:
    """emicalculator.net, "APR": 200,000 at 10 % over 6 months, a fee of 1 % and 18 % GST on it."""
    fee = fee_of(FeeRule(percent=Decimal(1), tax_percent=Decimal(18)), minor("200000"))
    assert (fee.net_minor, fee.tax_minor) == (minor("2000"), minor("360"))
    quoted = quote(loan("200000", "10", 6, (2026, 1, 1), fee_minor=fee.total_minor))
    assert quoted.emi_minor == minor("34312.28")
    assert quoted.apr.quantize(Decimal("0.1")) == Decimal("14.1")


def test_a_fee_of_every_instalment_counts_as_paid_with_it() -> None:
    """5 and 20 % tax a month on the year at 12 %: 6 more in each of twelve payments."""
    rule = FeeRule(flat_minor=minor("5"), tax_percent=Decimal(20))
    quoted = quote(loan("100000", "12", 12, (2026, 1, 1), instalment_fees=(rule,)))
    rows = quoted.schedule.instalments
    assert {(row.fee_minor, row.fee_tax_minor) for row in rows} == {(minor("6"), minor("1"))}
    assert rows[0].total_minor == quoted.emi_minor + minor("6")
    same = annual_percentage_rate(
        minor("100000"),
        [row.principal_minor + row.interest_minor + minor("6") for row in rows],
        advanced_on=date(2026, 1, 1),
        first_payment_on=rows[0].due_date,
        frequency=MONTHLY,
    )
    assert quoted.apr == same > 12
