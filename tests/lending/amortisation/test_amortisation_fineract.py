"""Schedules as Apache Fineract publishes them.

Every table stands in Fineract's `ProgressiveEMICalculatorTest` (under the name in the test's
docstring) or `LoanScheduleGeneratorTest`; the columns are EMI, interest, principal, balance.
Fineract always smooths, and rounds half to even.
"""

from datetime import date

import pytest
from loan_tables import Row, loan, rows

from core.lending.amortisation import (
    BIWEEKLY,
    MONTHLY,
    SEMIMONTHLY,
    WEEKLY,
    DayCount,
    Frequency,
    InterestPause,
    Method,
    Rounding,
    Terms,
    Unit,
    generate,
)

EVEN = {"rounding": Rounding.HALF_EVEN, "smoothing": True}
ACTUAL = {**EVEN, "day_count": DayCount.ACTUAL_ACTUAL}
PLAIN = loan("100", "7", 6, (2024, 1, 1), **EVEN)


def test_a_hundred_at_9_4822_percent_on_months_of_30_days() -> None:
    """disbursedAmt100_dayInYears360_daysInMonth30_repayEvery1Month"""
    assert rows(generate(loan("100", "9.4822", 6, (2024, 1, 1), **EVEN))) == [
        ("17.13", "0.79", "16.34", "83.66"),
        ("17.13", "0.66", "16.47", "67.19"),
        ("17.13", "0.53", "16.60", "50.59"),
        ("17.13", "0.40", "16.73", "33.86"),
        ("17.13", "0.27", "16.86", "17.00"),
        ("17.13", "0.13", "17.00", "0.00"),
    ]


def test_a_hundred_at_7_percent_on_months_of_30_days() -> None:
    """LoanInterestPause.feature, C3475, before the pause"""
    assert rows(generate(PLAIN)) == [
        ("17.01", "0.58", "16.43", "83.57"),
        ("17.01", "0.49", "16.52", "67.05"),
        ("17.01", "0.39", "16.62", "50.43"),
        ("17.01", "0.29", "16.72", "33.71"),
        ("17.01", "0.20", "16.81", "16.90"),
        ("17.00", "0.10", "16.90", "0.00"),
    ]


def test_smoothing_leaves_an_instalment_that_it_would_not_improve() -> None:
    """emiAdjustment_newCalculatedEmiNotBetterThanOriginal: a gap of 4 cents, half of six is 3"""
    terms = loan("100", "15.678", 6, (2024, 1, 1), day_count=DayCount.ACTUAL_365, **EVEN)
    assert rows(generate(terms)) == [
        ("17.43", "1.33", "16.10", "83.90"),
        ("17.43", "1.05", "16.38", "67.52"),
        ("17.43", "0.90", "16.53", "50.99"),
        ("17.43", "0.66", "16.77", "34.22"),
        ("17.43", "0.46", "16.97", "17.25"),
        ("17.47", "0.22", "17.25", "0.00"),
    ]


def test_without_interest_the_loan_is_divided() -> None:
    """disbursedAmt1000_NoInterest_repayEvery1Month"""
    assert rows(generate(loan("1000", "0", 4, (2024, 1, 1), **ACTUAL))) == [
        ("250.00", "0.00", "250.00", "750.00"),
        ("250.00", "0.00", "250.00", "500.00"),
        ("250.00", "0.00", "250.00", "250.00"),
        ("250.00", "0.00", "250.00", "0.00"),
    ]


def test_actual_actual_parts_the_year_at_31_december() -> None:
    """disbursedAmt100_dayInYearsActual_daysInMonthActual_repayEvery1Month"""
    assert rows(generate(loan("100", "9.4822", 6, (2023, 12, 12), **ACTUAL))) == [
        ("17.13", "0.80", "16.33", "83.67"),
        ("17.13", "0.67", "16.46", "67.21"),
        ("17.13", "0.50", "16.63", "50.58"),
        ("17.13", "0.41", "16.72", "33.86"),
        ("17.13", "0.26", "16.87", "16.99"),
        ("17.13", "0.14", "16.99", "0.00"),
    ]


def test_actual_actual_on_a_larger_loan_tells_31_december_from_1_january() -> None:
    """actual_actual_fraction_period_calculation_with_interestRecognitionFromDisbursementDate_false

    With the boundary at 1 January the second period would earn 35.46.
    """
    assert rows(generate(loan("5000", "9.99", 6, (2023, 11, 13), **ACTUAL))) == [
        ("857.71", "41.05", "816.66", "4183.34"),
        ("857.71", "35.45", "822.26", "3361.08"),
        ("857.71", "28.44", "829.27", "2531.81"),
        ("857.71", "20.04", "837.67", "1694.14"),
        ("857.71", "14.33", "843.38", "850.76"),
        ("857.73", "6.97", "850.76", "0.00"),
    ]


MONTH_ENDS: list[tuple[str, Terms, list[str], list[Row]]] = [
    (
        "actual_actual_repayment_schedule_disbursement_month_end",
        loan("245000", "45", 6, (2023, 10, 31), **ACTUAL),
        ["2023-11-30", "2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"],
        [
            ("46343.27", "9061.64", "37281.63", "207718.37"),
            ("46343.27", "7938.83", "38404.44", "169313.93"),
            ("46343.27", "6453.36", "39889.91", "129424.02"),
            ("46343.27", "4614.71", "41728.56", "87695.46"),
            ("46343.27", "3342.49", "43000.78", "44694.68"),
            ("46343.25", "1648.57", "44694.68", "0.00"),
        ],
    ),
    (
        "actual_actual_repayment_schedule_disbursement_near_month_end",
        loan("1500", "9.4822", 6, (2021, 10, 30), **ACTUAL),
        ["2021-11-30", "2021-12-30", "2022-01-30", "2022-02-28", "2022-03-30", "2022-04-30"],
        [
            ("256.95", "12.08", "244.87", "1255.13"),
            ("256.95", "9.78", "247.17", "1007.96"),
            ("256.95", "8.12", "248.83", "759.13"),
            ("256.95", "5.72", "251.23", "507.90"),
            ("256.95", "3.96", "252.99", "254.91"),
            ("256.96", "2.05", "254.91", "0.00"),
        ],
    ),
    (
        "actual_actual_repayment_schedule_disbursement_near_month_end_repay_every_2_months",
        loan("5000", "7", 6, (2022, 10, 29), frequency=Frequency(2, Unit.MONTHS), **ACTUAL),
        ["2022-12-29", "2023-02-28", "2023-04-29", "2023-06-29", "2023-08-29", "2023-10-29"],
        [
            ("867.68", "58.49", "809.19", "4190.81"),
            ("867.68", "49.03", "818.65", "3372.16"),
            ("867.68", "38.80", "828.88", "2543.28"),
            ("867.68", "29.75", "837.93", "1705.35"),
            ("867.68", "19.95", "847.73", "857.62"),
            ("867.65", "10.03", "857.62", "0.00"),
        ],
    ),
    (
        "360_30_repayment_schedule_disbursement_month_end",
        loan("2450", "9.99", 6, (2023, 10, 31), **EVEN),
        ["2023-11-30", "2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"],
        [
            ("420.31", "20.40", "399.91", "2050.09"),
            ("420.31", "17.07", "403.24", "1646.85"),
            ("420.31", "13.71", "406.60", "1240.25"),
            ("420.31", "10.33", "409.98", "830.27"),
            ("420.31", "6.91", "413.40", "416.87"),
            ("420.34", "3.47", "416.87", "0.00"),
        ],
    ),
    (
        "360_30_repayment_schedule_disbursement_near_month_end",
        loan("10000", "45", 6, (2023, 10, 30), **EVEN),
        ["2023-11-30", "2023-12-30", "2024-01-30", "2024-02-29", "2024-03-30", "2024-04-30"],
        [
            ("1892.12", "375.00", "1517.12", "8482.88"),
            ("1892.12", "318.11", "1574.01", "6908.87"),
            ("1892.12", "259.08", "1633.04", "5275.83"),
            ("1892.12", "197.84", "1694.28", "3581.55"),
            ("1892.12", "134.31", "1757.81", "1823.74"),
            ("1892.13", "68.39", "1823.74", "0.00"),
        ],
    ),
    (
        "360_30_repayment_schedule_disbursement_repay_every_2_months",
        loan("3333", "19.99", 6, (2023, 10, 29), frequency=Frequency(2, Unit.MONTHS), **EVEN),
        ["2023-12-29", "2024-02-29", "2024-04-29", "2024-06-29", "2024-08-29", "2024-10-29"],
        [
            ("622.04", "111.04", "511.00", "2822.00"),
            ("622.04", "94.02", "528.02", "2293.98"),
            ("622.04", "76.43", "545.61", "1748.37"),
            ("622.04", "58.25", "563.79", "1184.58"),
            ("622.04", "39.47", "582.57", "602.01"),
            ("622.07", "20.06", "602.01", "0.00"),
        ],
    ),
]


@pytest.mark.parametrize(
    ("terms", "due_dates", "table"),
    [case[1:] for case in MONTH_ENDS],
    ids=[case[0] for case in MONTH_ENDS],
)
def test_a_loan_keeps_its_anchor_day(terms: Terms, due_dates: list[str], table: list[Row]) -> None:
    schedule = generate(terms)
    assert [row.due_date.isoformat() for row in schedule.instalments] == due_dates
    assert rows(schedule) == table


def test_weekly_on_52_weeks_of_7_days() -> None:
    """disbursedAmt100_dayInYears364_daysInMonthActual_repayEvery1Week"""
    terms = loan(
        "100", "9.4822", 6, (2024, 1, 1), frequency=WEEKLY, day_count=DayCount.ACTUAL_364, **EVEN
    )
    assert rows(generate(terms)) == [
        ("16.77", "0.18", "16.59", "83.41"),
        ("16.77", "0.15", "16.62", "66.79"),
        ("16.77", "0.12", "16.65", "50.14"),
        ("16.77", "0.09", "16.68", "33.46"),
        ("16.77", "0.06", "16.71", "16.75"),
        ("16.78", "0.03", "16.75", "0.00"),
    ]


def test_biweekly_on_52_weeks_of_7_days() -> None:
    """disbursedAmt100_dayInYears364_daysInMonthActual_repayEvery2Week"""
    terms = loan(
        "100", "9.4822", 3, (2024, 1, 1), frequency=BIWEEKLY, day_count=DayCount.ACTUAL_364, **EVEN
    )
    assert rows(generate(terms)) == [
        ("33.57", "0.36", "33.21", "66.79"),
        ("33.57", "0.24", "33.33", "33.46"),
        ("33.58", "0.12", "33.46", "0.00"),
    ]


@pytest.mark.parametrize("day_count", [DayCount.THIRTY_360, DayCount.ACTUAL_360])
def test_every_15_days_on_a_year_of_360(day_count: DayCount) -> None:
    """disbursedAmt100_dayInYears360_daysInMonthDoesntMatter_repayEvery15Days"""
    every_15_days = Frequency(15, Unit.DAYS)
    terms = loan(
        "100", "9.4822", 6, (2024, 1, 1), frequency=every_15_days, day_count=day_count, **EVEN
    )
    schedule = generate(terms)
    assert schedule.instalments[-1].due_date == date(2024, 3, 31)
    assert rows(schedule) == [
        ("16.90", "0.40", "16.50", "83.50"),
        ("16.90", "0.33", "16.57", "66.93"),
        ("16.90", "0.26", "16.64", "50.29"),
        ("16.90", "0.20", "16.70", "33.59"),
        ("16.90", "0.13", "16.77", "16.82"),
        ("16.89", "0.07", "16.82", "0.00"),
    ]


def test_semimonthly_on_the_15th_and_the_last_day() -> None:
    """LoanScheduleGeneratorTest.testGenerateSemiMonthlyLoanSchedule: 24 % is 1 % a half month"""
    schedule = generate(loan("1000", "24", 4, (2023, 1, 15), frequency=SEMIMONTHLY, **EVEN))
    assert [row.due_date for row in schedule.instalments] == [
        date(2023, 1, 31),
        date(2023, 2, 15),
        date(2023, 2, 28),
        date(2023, 3, 15),
    ]
    assert rows(schedule) == [
        ("256.28", "10.00", "246.28", "753.72"),
        ("256.28", "7.54", "248.74", "504.98"),
        ("256.28", "5.05", "251.23", "253.75"),
        ("256.29", "2.54", "253.75", "0.00"),
    ]


def test_a_short_first_period_earns_17_of_january_s_31_days() -> None:
    """LoanScheduleGeneratorTest.testGenerateLoanSchedule: paid out on the 15th, due on the 1st"""
    terms = loan("192.22", "9.99", 6, (2024, 1, 15), first_due_date=date(2024, 2, 1), **EVEN)
    assert rows(generate(terms)) == [
        ("32.85", "0.88", "31.97", "160.25"),
        ("32.85", "1.33", "31.52", "128.73"),
        ("32.85", "1.07", "31.78", "96.95"),
        ("32.85", "0.81", "32.04", "64.91"),
        ("32.85", "0.54", "32.31", "32.60"),
        ("32.87", "0.27", "32.60", "0.00"),
    ]


def test_principal_moratorium_asks_for_interest_alone_then_for_more() -> None:
    """principalGraceForProgressiveSchedule"""
    assert rows(generate(loan("100", "7", 6, (2024, 1, 1), moratorium=2, **EVEN))) == [
        ("0.58", "0.58", "0.00", "100.00"),
        ("0.58", "0.58", "0.00", "100.00"),
        ("25.37", "0.58", "24.79", "75.21"),
        ("25.37", "0.44", "24.93", "50.28"),
        ("25.37", "0.29", "25.08", "25.20"),
        ("25.35", "0.15", "25.20", "0.00"),
    ]


def test_principal_moratorium_to_the_last_but_one_makes_a_bullet() -> None:
    """principalGrace_nMinus1_shouldProduceBulletLoan"""
    terms = loan("100", "30", 8, (2024, 1, 1), moratorium=7, **EVEN)
    table = rows(generate(terms))
    assert table[:7] == [("2.50", "2.50", "0.00", "100.00")] * 7
    assert table[7] == ("102.50", "2.50", "100.00", "0.00")


def test_interest_moratorium_defers_interest_to_the_first_paying_instalment() -> None:
    """interestGraceForProgressiveSchedule: 1.44 is 0.58 + 0.48 deferred and 0.38 of its own"""
    assert rows(generate(loan("100", "7", 6, (2024, 1, 1), interest_moratorium=2, **EVEN))) == [
        ("17.01", "0.00", "17.01", "82.99"),
        ("17.01", "0.00", "17.01", "65.98"),
        ("17.01", "1.44", "15.57", "50.41"),
        ("17.01", "0.29", "16.72", "33.69"),
        ("17.01", "0.20", "16.81", "16.88"),
        ("16.98", "0.10", "16.88", "0.00"),
    ]


PAUSES: list[tuple[str, list[tuple[date, date]], list[tuple[str, str]]]] = [
    (
        "singleInterestPause",
        [(date(2024, 2, 5), date(2024, 2, 10))],
        [
            ("0.58", "83.57"),
            ("0.39", "66.95"),
            ("0.39", "50.33"),
            ("0.29", "33.61"),
            ("0.20", "16.80"),
            ("0.10", "16.90"),
        ],
    ),
    (
        "interestPauseBetweenTwoPeriods",
        [(date(2024, 2, 10), date(2024, 3, 10))],
        [
            ("0.58", "83.57"),
            ("0.13", "66.69"),
            ("0.28", "49.96"),
            ("0.29", "33.24"),
            ("0.19", "16.42"),
            ("0.10", "16.52"),
        ],
    ),
    (
        "interestPauseFirstDayOfMonth",
        [(date(2024, 2, 1), date(2024, 2, 5))],
        [
            ("0.56", "83.55"),
            ("0.42", "66.96"),
            ("0.39", "50.34"),
            ("0.29", "33.62"),
            ("0.20", "16.81"),
            ("0.10", "16.91"),
        ],
    ),
    (
        "interestPauseLastDayOfMonth",
        [(date(2024, 1, 10), date(2024, 1, 31))],
        [
            ("0.17", "83.16"),
            ("0.49", "66.64"),
            ("0.39", "50.02"),
            ("0.29", "33.30"),
            ("0.19", "16.48"),
            ("0.10", "16.58"),
        ],
    ),
    (
        "interestPause over a whole period and a day",
        [(date(2024, 2, 1), date(2024, 3, 1))],
        [
            ("0.56", "83.55"),
            ("0.00", "66.54"),
            ("0.39", "49.92"),
            ("0.29", "33.20"),
            ("0.19", "16.38"),
            ("0.10", "16.48"),
        ],
    ),
    (
        "interestPauseOnTheFirstAndThirdRepaymentPeriod",
        [(date(2024, 3, 2), date(2024, 4, 1)), (date(2024, 1, 2), date(2024, 2, 1))],
        [
            ("0.00", "82.99"),
            ("0.48", "66.46"),
            ("0.00", "49.45"),
            ("0.29", "32.73"),
            ("0.19", "15.91"),
            ("0.09", "16.00"),
        ],
    ),
    (
        "interestPauseOnTheFirstDayOfFirstPeriod",
        [(date(2024, 1, 2), date(2024, 1, 10))],
        [
            ("0.41", "83.40"),
            ("0.49", "66.88"),
            ("0.39", "50.26"),
            ("0.29", "33.54"),
            ("0.20", "16.73"),
            ("0.10", "16.83"),
        ],
    ),
]


@pytest.mark.parametrize(
    ("pauses", "table"), [case[1:] for case in PAUSES], ids=[case[0] for case in PAUSES]
)
def test_paused_days_earn_nothing_and_leave_the_instalment_alone(
    pauses: list[tuple[date, date]], table: list[tuple[str, str]]
) -> None:
    """The pairs are interest and balance; the last one is interest and what it asks."""
    paused = tuple(InterestPause(*pause) for pause in pauses)
    terms = loan("100", "7", 6, (2024, 1, 1), interest_pauses=paused, **EVEN)
    schedule = rows(generate(terms))
    assert [(interest, balance) for _, interest, _, balance in schedule[:-1]] == table[:-1]
    assert [total for total, *_ in schedule[:-1]] == ["17.01"] * 5
    assert (schedule[-1][1], schedule[-1][0]) == table[-1]


FLAT: list[tuple[str, Terms, list[Row]]] = [
    (
        "testFlatDaily_1_Month_Actual_Actual",
        loan("2000", "12", 4, (2024, 1, 1), method=Method.FLAT, **ACTUAL),
        [
            ("519.84", "20.33", "499.51", "1500.49"),
            ("519.84", "19.02", "500.82", "999.67"),
            ("519.84", "20.33", "499.51", "500.16"),
            ("519.83", "19.67", "500.16", "0.00"),
        ],
    ),
    (
        "testFlatDaily_1_Month_360_30",
        loan("750", "12", 4, (2024, 1, 1), method=Method.FLAT, **EVEN),
        [
            ("195.00", "7.50", "187.50", "562.50"),
            ("195.00", "7.50", "187.50", "375.00"),
            ("195.00", "7.50", "187.50", "187.50"),
            ("195.00", "7.50", "187.50", "0.00"),
        ],
    ),
    (
        "testFlatDaily_1_week_Actual_Actual",
        loan("600", "12", 4, (2024, 1, 1), method=Method.FLAT, frequency=WEEKLY, **ACTUAL),
        [
            ("151.38", "1.38", "150.00", "450.00"),
            ("151.38", "1.38", "150.00", "300.00"),
            ("151.38", "1.38", "150.00", "150.00"),
            ("151.38", "1.38", "150.00", "0.00"),
        ],
    ),
    (
        "test_sameAsRepayment_month_repay_every_1_periods_3",
        loan("1000", "12", 3, (2024, 1, 1), method=Method.FLAT, frequency=MONTHLY, **EVEN),
        [
            ("343.33", "10.00", "333.33", "666.67"),
            ("343.33", "10.00", "333.33", "333.34"),
            ("343.34", "10.00", "333.34", "0.00"),
        ],
    ),
    (
        "test_sameAsRepayment_month_repay_every_2_periods_8",
        loan(
            "1000",
            "12",
            8,
            (2024, 1, 1),
            method=Method.FLAT,
            frequency=Frequency(2, Unit.MONTHS),
            **EVEN,
        ),
        [
            ("145.00", "20.00", "125.00", balance)
            for balance in (
                "875.00",
                "750.00",
                "625.00",
                "500.00",
                "375.00",
                "250.00",
                "125.00",
                "0.00",
            )
        ],
    ),
]


@pytest.mark.parametrize(
    ("terms", "table"), [case[1:] for case in FLAT], ids=[case[0] for case in FLAT]
)
def test_flat_interest_is_on_the_loan_all_along(terms: Terms, table: list[Row]) -> None:
    assert rows(generate(terms)) == table


def test_flat_over_24_months_leaves_the_residue_to_the_last() -> None:
    """test_sameAsRepayment_month_repay_every_1_periods_24"""
    table = rows(generate(loan("10000", "12", 24, (2024, 1, 1), method=Method.FLAT, **EVEN)))
    assert table[0] == ("516.67", "100.00", "416.67", "9583.33")
    assert table[22] == ("516.67", "100.00", "416.67", "416.59")
    assert table[23] == ("516.59", "100.00", "416.59", "0.00")
