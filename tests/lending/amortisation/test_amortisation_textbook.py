"""What a textbook says of instalments, and what a product may change about them."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from loan_tables import loan, minor, money, rows

from core.lending.amortisation import (
    BIWEEKLY,
    HALF_YEARLY,
    MONTHLY,
    QUARTERLY,
    SEMIMONTHLY,
    WEEKLY,
    DayCount,
    Frequency,
    Method,
    Prepayment,
    PrepaymentMode,
    Rounding,
    Terms,
    TermsError,
    Unit,
    due_dates,
    generate,
    instalments_for_months,
    level_instalment,
    present_value,
    quote,
)

PUBLISHED_PAYMENTS = [
    # Microsoft's documentation of PMT, IPMT and PPMT
    ("10000", "8", 10, "1037.03"),
    ("8000", "10", 36, "258.14"),
    ("2000", "10", 24, "92.29"),
    # numpy-financial's documentation of pmt and ppmt
    ("200000", "7.5", 180, "1854.02"),
    ("2500", "8.24", 12, "217.75"),
    # the Indian banks' EMI calculators
    ("100000", "12", 12, "8884.88"),
    ("1000000", "8.5", 240, "8678.23"),
    ("500000", "10.5", 60, "10746.95"),
]


@pytest.mark.parametrize(("amount", "rate", "count", "payment"), PUBLISHED_PAYMENTS)
def test_the_emi_is_what_spreadsheets_and_banks_print(
    amount: str, rate: str, count: int, payment: str
) -> None:
    schedule = generate(loan(amount, rate, count, (2026, 1, 1)))
    assert money(schedule.emi_minor) == payment
    assert len(schedule.instalments) == count


def test_first_interest_and_principal_as_microsoft_documents_ipmt_and_ppmt() -> None:
    ipmt = generate(loan("8000", "10", 36, (2026, 1, 1))).instalments[0]
    ppmt = generate(loan("2000", "10", 24, (2026, 1, 1))).instalments[0]
    assert money(ipmt.interest_minor) == "66.67"
    assert money(ppmt.principal_minor) == "75.62"


@pytest.mark.parametrize(("rate", "interest"), [("4.25", "36583.36"), ("4.375", "37694.10")])
def test_five_years_of_a_thirty_year_mortgage_as_the_cfpb_sums_it_up(
    rate: str, interest: str
) -> None:
    """The Consumer Financial Protection Bureau's `amortize`: interest paid after 60 of 360."""
    rows_of_five_years = generate(loan("180000", rate, 360, (2026, 1, 1))).instalments[:60]
    assert money(sum(row.interest_minor for row in rows_of_five_years)) == interest


def test_a_year_at_12_percent_to_the_last_cent() -> None:
    assert rows(generate(loan("100000", "12", 12, (2026, 1, 31)))) == [
        ("8884.88", "1000.00", "7884.88", "92115.12"),
        ("8884.88", "921.15", "7963.73", "84151.39"),
        ("8884.88", "841.51", "8043.37", "76108.02"),
        ("8884.88", "761.08", "8123.80", "67984.22"),
        ("8884.88", "679.84", "8205.04", "59779.18"),
        ("8884.88", "597.79", "8287.09", "51492.09"),
        ("8884.88", "514.92", "8369.96", "43122.13"),
        ("8884.88", "431.22", "8453.66", "34668.47"),
        ("8884.88", "346.68", "8538.20", "26130.27"),
        ("8884.88", "261.30", "8623.58", "17506.69"),
        ("8884.88", "175.07", "8709.81", "8796.88"),
        ("8884.85", "87.97", "8796.88", "0.00"),
    ]


def test_a_loan_in_whole_rupees_as_frappe_lending_prints_it() -> None:
    """Frappe Lending's `test_loan`: instalments in whole rupees, interest to the paisa; the test
    there compares whole rupees."""
    terms = loan("280000", "8.4", 20, (2026, 1, 1), rounding_unit_minor=100)
    schedule = generate(terms)
    whole = [
        tuple(round(Decimal(amount)) for amount in (principal, interest, balance))
        for _, interest, principal, balance in rows(schedule)
    ]
    assert money(schedule.emi_minor) == "15052.00"
    assert round(Decimal(schedule.total_interest_minor) / 100) == 21034
    assert round(Decimal(schedule.total_payable_minor) / 100) == 301034
    assert whole[3] == (13369, 1683, 227080)
    assert whole[17] == (14740, 312, 29785)
    assert whole[19] == (14941, 105, 0)


@pytest.mark.parametrize("count", [1, 2, 12, 359, 360])
def test_the_general_formula_is_the_closed_one_where_periods_are_equal(count: int) -> None:
    rate, principal = Fraction(925, 120_000), 12_345_678
    growth = (1 + rate) ** count
    exact = level_instalment(principal, [rate] * count)
    assert exact == principal * rate * growth / (growth - 1)


def test_present_value_is_the_loan_an_instalment_affords() -> None:
    rates = [Fraction(31, 36_500), Fraction(28, 36_500), Fraction(31, 36_500)]
    assert present_value(1_000_00, rates) == sum(
        Fraction(1_000_00)
        / ((1 + rates[0]) * (1 + rates[1] if last > 0 else 1) * (1 + rates[2] if last > 1 else 1))
        for last in range(3)
    )


def test_equal_principal_falls_with_the_interest() -> None:
    schedule = generate(loan("12000", "12", 12, (2026, 1, 1), method=Method.EQUAL_PRINCIPAL))
    assert [row.principal_minor for row in schedule.instalments] == [minor("1000")] * 12
    assert [row.interest_minor for row in schedule.instalments] == [
        minor(str(10 * left)) for left in range(12, 0, -1)
    ]
    assert money(schedule.emi_minor) == "1120.00"
    assert money(schedule.total_interest_minor) == "780.00"


def test_equal_principal_leaves_the_residue_to_the_last() -> None:
    schedule = generate(loan("1000", "12", 3, (2026, 1, 1), method=Method.EQUAL_PRINCIPAL))
    assert rows(schedule) == [
        ("343.33", "10.00", "333.33", "666.67"),
        ("340.00", "6.67", "333.33", "333.34"),
        ("336.67", "3.33", "333.34", "0.00"),
    ]


def test_bullet_pays_interest_and_at_the_end_the_loan() -> None:
    table = rows(generate(loan("50000", "9.6", 6, (2026, 1, 1), method=Method.BULLET)))
    assert table[:5] == [("400.00", "400.00", "0.00", "50000.00")] * 5
    assert table[5] == ("50400.00", "400.00", "50000.00", "0.00")


def test_flat_interest_totals_what_the_quote_says() -> None:
    """100,000 at 10 % flat for three years: 30,000 of interest, 3,611.11 a month."""
    schedule = generate(loan("100000", "10", 36, (2026, 1, 1), method=Method.FLAT))
    assert money(schedule.emi_minor) == "3611.11"
    assert money(schedule.total_interest_minor) == "30000.00"
    assert money(schedule.total_payable_minor) == "130000.00"


@pytest.mark.parametrize(
    ("mode", "unit", "emi"),
    [
        (Rounding.HALF_UP, "0.01", "8884.88"),
        (Rounding.UP, "0.01", "8884.88"),
        (Rounding.DOWN, "0.01", "8884.87"),
        (Rounding.HALF_UP, "1", "8885.00"),
        (Rounding.DOWN, "1", "8884.00"),
        (Rounding.HALF_UP, "5", "8885.00"),
        (Rounding.UP, "10", "8890.00"),
        (Rounding.HALF_EVEN, "10", "8880.00"),
    ],
)
def test_rounding_is_the_product_s(mode: Rounding, unit: str, emi: str) -> None:
    """The exact instalment is 8,884.8788…; the unit does not touch the interest."""
    terms = loan("100000", "12", 12, (2026, 1, 1), rounding=mode, rounding_unit_minor=minor(unit))
    schedule = generate(terms)
    assert money(schedule.emi_minor) == emi
    assert {money(row.total_minor) for row in schedule.instalments[:-1]} == {emi}
    assert len(schedule.instalments) == 12
    assert schedule.principal_minor == minor("100000")


def test_ties_round_by_the_mode() -> None:
    """12.50 over 4 instalments without interest is 3.125 each."""
    emis = {
        mode: generate(loan("12.50", "0", 4, (2026, 1, 1), rounding=mode)).emi_minor
        for mode in Rounding
    }
    assert emis == {
        Rounding.HALF_UP: 313,
        Rounding.HALF_EVEN: 312,
        Rounding.UP: 313,
        Rounding.DOWN: 312,
    }


@pytest.mark.parametrize("mode", list(Rounding))
@pytest.mark.parametrize("unit", [1, 100, 500, 1000])
@pytest.mark.parametrize("amount", ["0.12", "0.50", "1.00", "50.00", "100.00", "110.00"])
def test_no_rounding_closes_a_small_loan_early(mode: Rounding, unit: int, amount: str) -> None:
    """100.00 over a year rounds up to 10.00 a month, which would repay it in eleven."""
    terms = loan(amount, "12", 12, (2026, 1, 1), rounding=mode, rounding_unit_minor=unit)
    schedule = generate(terms)
    assert len(schedule.instalments) == 12
    assert all(row.principal_minor > 0 for row in schedule.instalments)
    assert schedule.principal_minor == minor(amount)


def test_smoothing_moves_the_instalment_by_gap_over_n_once() -> None:
    """A gap of 17 cents over 24 instalments is more than 12; a cent each makes it 11."""
    rough = generate(loan("10000", "9.5", 24, (2026, 1, 1)))
    fine = generate(loan("10000", "9.5", 24, (2026, 1, 1), smoothing=True))
    assert (money(rough.emi_minor), rows(rough)[-1][0]) == ("459.14", "459.31")
    assert (money(fine.emi_minor), rows(fine)[-1][0]) == ("459.15", "459.04")


def test_smoothing_keeps_to_the_rounding_unit() -> None:
    coarse = {"rounding_unit_minor": 1000}
    plain = generate(loan("5000", "10", 24, (2026, 1, 1), **coarse))
    smooth = generate(loan("5000", "10", 24, (2026, 1, 1), smoothing=True, **coarse))
    assert plain.emi_minor == smooth.emi_minor == minor("230")


def test_yen_have_no_decimals_and_dinars_three() -> None:
    yen = Terms(1_000_000, Decimal("1.5"), 12, date(2026, 1, 1))
    dinars = Terms(1_000_000, Decimal(6), 12, date(2026, 1, 1))  # 1,000.000 KWD
    assert generate(yen).emi_minor == 84_012
    assert generate(dinars).emi_minor == 86_066
    assert generate(dinars).instalments[0].interest_minor == 5_000


def test_principal_and_interest_moratorium_together_ask_for_nothing() -> None:
    """Then the deferred interest falls due on top of the first EMI (Frappe's "Add to first
    repayment"), on the balance that has not grown."""
    terms = loan("120000", "12", 12, (2026, 1, 1), moratorium=3, interest_moratorium=3)
    table = rows(generate(terms))
    assert table[:3] == [("0.00", "0.00", "0.00", "120000.00")] * 3
    assert table[3][1] == "4800.00"
    emi = level_instalment(minor("120000"), [Fraction(1, 100)] * 9)
    assert table[3][0] == money(round(emi) + minor("3600"))
    assert {total for total, *_ in table[4:-1]} == {money(round(emi))}


def test_deferred_interest_that_the_emi_cannot_hold_falls_due_on_top_of_it() -> None:
    """A year without interest on 20 years at 12 %: the EMI counts the year as free of it."""
    terms = loan("100000", "12", 240, (2026, 1, 1), interest_moratorium=12)
    schedule = generate(terms)
    resting, first_paying, *later = (
        schedule.instalments[:12],
        schedule.instalments[12],
        *schedule.instalments[13:],
    )
    emi = round(level_instalment(minor("100000"), [Fraction(0)] * 12 + [Fraction(1, 100)] * 228))
    assert schedule.emi_minor == emi
    assert {(row.total_minor, row.interest_minor) for row in resting} == {(emi, 0)}
    deferred = sum(round(Fraction(row.opening_balance_minor, 100)) for row in resting)
    assert first_paying.total_minor == emi + deferred
    assert {row.total_minor for row in later[:-1]} == {emi}
    assert abs(later[-1].total_minor - emi) <= 240


def test_a_prepayment_shortens_the_loan_or_lowers_the_emi() -> None:
    def prepaid(mode: PrepaymentMode) -> Terms:
        prepayment = Prepayment(3, minor("20000"), mode)
        return loan("100000", "12", 12, (2026, 1, 1), prepayments=(prepayment,))

    shorter = generate(prepaid(PrepaymentMode.REDUCE_TENURE))
    lower = generate(prepaid(PrepaymentMode.REDUCE_EMI))

    for schedule in (shorter, lower):
        third = schedule.instalments[2]
        assert (third.total_minor, third.prepayment_minor) == (minor("28884.88"), minor("20000"))
        assert money(third.balance_minor) == "56108.02"
        assert schedule.principal_minor == minor("100000")
    assert len(shorter.instalments) == 10
    assert {row.total_minor for row in shorter.instalments[3:-1]} == {minor("8884.88")}
    assert 0 < shorter.instalments[-1].total_minor < minor("8884.88")
    assert len(lower.instalments) == 12
    assert {row.total_minor for row in lower.instalments[3:-1]} == {minor("6550.07")}


def test_prepaying_one_instalment_s_principal_saves_exactly_one_instalment() -> None:
    """A remainder of a few cents is rounding, and no instalment of its own."""
    plain = generate(loan("100000", "12", 12, (2026, 1, 1)))
    last = plain.instalments[-1].principal_minor
    growth = Fraction(101, 100) ** 8
    prepayment = Prepayment(3, round(last / growth), PrepaymentMode.REDUCE_TENURE)
    shorter = generate(loan("100000", "12", 12, (2026, 1, 1), prepayments=(prepayment,)))
    assert len(shorter.instalments) == 11
    assert abs(shorter.instalments[-1].total_minor - plain.emi_minor) <= 6


def test_a_prepayment_beyond_the_debt_takes_the_debt() -> None:
    prepayment = Prepayment(2, minor("99999"))
    schedule = generate(loan("1000", "12", 12, (2026, 1, 1), prepayments=(prepayment,)))
    assert len(schedule.instalments) == 2
    assert schedule.instalments[-1].balance_minor == 0
    assert schedule.principal_minor == minor("1000")


def test_a_prepayment_after_the_last_instalment_is_refused() -> None:
    prepayments = (Prepayment(2, minor("99999")), Prepayment(5, minor("1")))
    shortened = (Prepayment(1, minor("900")), Prepayment(11, minor("1")))
    with pytest.raises(TermsError, match="nothing is left to prepay"):
        generate(loan("1000", "12", 12, (2026, 1, 1), prepayments=shortened))
    assert (
        len(generate(loan("1000", "12", 12, (2026, 1, 1), prepayments=prepayments[:1])).instalments)
        == 2
    )


def test_a_long_first_period_pays_its_interest_in_the_first_instalment() -> None:
    """Paid out on 1 January, first due on 15 March: 73 days of 365 at 10 % on 36,500."""
    terms = loan(
        "36500",
        "10",
        12,
        (2026, 1, 1),
        first_due_date=date(2026, 3, 15),
        day_count=DayCount.ACTUAL_365,
    )
    schedule = generate(terms)
    assert schedule.instalments[0].interest_minor == minor("730")
    assert schedule.instalments[0].total_minor == schedule.emi_minor
    assert schedule.instalments[1].due_date == date(2026, 4, 15)


def test_whole_months_before_the_first_instalment_count_as_months() -> None:
    terms = loan("1000", "12", 6, (2026, 1, 10), first_due_date=date(2026, 3, 10))
    assert generate(terms).instalments[0].interest_minor == minor("20")


def test_a_first_period_of_years_asks_for_its_interest_alone() -> None:
    """Its interest exceeds any equal instalment; the EMI repays the loan over the other two."""
    terms = loan("1000", "50", 3, (2026, 1, 1), first_due_date=date(2030, 1, 1))
    first, second, third = generate(terms).instalments
    assert (first.principal_minor, first.interest_minor) == (0, minor("2000"))
    assert abs(second.total_minor - third.total_minor) <= 1


def test_a_single_instalment_repays_it_all() -> None:
    (only,) = generate(loan("1000", "12", 1, (2026, 1, 1))).instalments
    assert (only.total_minor, only.balance_minor) == (minor("1010"), 0)


def test_a_month_longer_than_its_instalment_s_interest_defers_the_rest() -> None:
    """At 30 % over 40 years a 31-day month earns more than the EMI, which stays what it is."""
    terms = loan("1000000", "30", 480, (2026, 1, 1), day_count=DayCount.ACTUAL_365)
    schedule = generate(terms)
    assert schedule.instalments[0].principal_minor == 0
    assert schedule.instalments[0].total_minor == schedule.emi_minor
    assert len(schedule.instalments) == 480


def test_due_dates_of_every_frequency() -> None:
    start = date(2026, 1, 31)
    first_three = {
        MONTHLY: ["2026-02-28", "2026-03-31", "2026-04-30"],
        SEMIMONTHLY: ["2026-02-15", "2026-02-28", "2026-03-15"],
        WEEKLY: ["2026-02-07", "2026-02-14", "2026-02-21"],
        BIWEEKLY: ["2026-02-14", "2026-02-28", "2026-03-14"],
        QUARTERLY: ["2026-04-30", "2026-07-31", "2026-10-31"],
        HALF_YEARLY: ["2026-07-31", "2027-01-31", "2027-07-31"],
        Frequency(10, Unit.DAYS): ["2026-02-10", "2026-02-20", "2026-03-02"],
        Frequency(2, Unit.MONTHS): ["2026-03-31", "2026-05-31", "2026-07-31"],
    }
    for frequency, expected in first_three.items():
        dates = due_dates(start, frequency, 3)
        assert [due.isoformat() for due in dates] == expected, frequency


def test_a_first_due_date_of_its_own_brings_its_anchor_day() -> None:
    dates = due_dates(date(2026, 1, 31), MONTHLY, 3, date(2026, 3, 5))
    assert [due.isoformat() for due in dates] == ["2026-03-05", "2026-04-05", "2026-05-05"]
    ends = due_dates(date(2026, 1, 31), MONTHLY, 3, date(2026, 2, 28))
    assert [due.isoformat() for due in ends] == ["2026-02-28", "2026-03-31", "2026-04-30"]


@pytest.mark.parametrize(
    ("frequency", "months", "count"),
    [
        (MONTHLY, 12, 12),
        (SEMIMONTHLY, 12, 24),
        (QUARTERLY, 12, 4),
        (HALF_YEARLY, 12, 2),
        (WEEKLY, 12, 52),
        (WEEKLY, 6, 26),
        (WEEKLY, 1, 4),
        (BIWEEKLY, 12, 26),
        (Frequency(10, Unit.DAYS), 12, 37),
        (Frequency(2, Unit.MONTHS), 12, 6),
    ],
)
def test_a_tenure_in_months_holds_so_many_instalments(
    frequency: Frequency, months: int, count: int
) -> None:
    assert instalments_for_months(frequency, months, field_name="tenure_months") == count


def test_a_tenure_that_is_no_whole_number_of_quarters_is_refused() -> None:
    with pytest.raises(TermsError) as refused:
        instalments_for_months(QUARTERLY, 10, field_name="tenure_months")
    assert refused.value.field == "tenure_months"


NONSENSE = [
    ("amount", {"principal_minor": 0}),
    ("interest_rate", {"annual_rate": Decimal(-1)}),
    ("interest_rate", {"annual_rate": Decimal("NaN")}),
    ("number_of_instalments", {"instalments": 0}),
    ("first_due_date", {"first_due_date": date(2026, 1, 1)}),
    ("rounding_unit", {"rounding_unit_minor": 0}),
    ("fee", {"fee_minor": 100_000}),
    ("fee", {"fee_minor": -1}),
    ("moratorium_months", {"moratorium": 12}),
    ("interest_moratorium_months", {"interest_moratorium": 12}),
    ("prepayments", {"prepayments": (Prepayment(13, 1),)}),
    ("prepayments", {"prepayments": (Prepayment(1, 0),)}),
]


@pytest.mark.parametrize(("field", "changes"), NONSENSE)
def test_terms_that_make_no_sense_name_the_field(field: str, changes: dict[str, object]) -> None:
    sound = {
        "principal_minor": 100_000,
        "annual_rate": Decimal(12),
        "instalments": 12,
        "start_date": date(2026, 1, 1),
    }
    with pytest.raises(TermsError) as refused:
        Terms(**{**sound, **changes})  # type: ignore[arg-type]
    assert refused.value.field == field


def test_a_loan_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(TermsError, match="year 9999"):
        generate(loan("1000", "12", 12, (9999, 6, 1)))


def test_a_quote_adds_it_all_up() -> None:
    quoted = quote(loan("100000", "12", 12, (2026, 1, 1), fee_minor=minor("1000")))
    assert money(quoted.emi_minor) == "8884.88"
    assert money(quoted.total_interest_minor) == "6618.53"
    assert money(quoted.total_payable_minor) == "106618.53"
    assert quoted.apr == Decimal("13.9131")
