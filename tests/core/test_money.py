"""Minor and major units: exact both ways, and nothing that is not an amount gets in."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.foundation.errors import InvalidAmount
from core.foundation.money import MAX_MAJOR_UNITS, exponent, to_major, to_minor

CURRENCIES = st.sampled_from(["JPY", "EUR", "KWD", "CLF"])


@given(st.integers(-(10**15), 10**15), CURRENCIES)
def test_there_and_back_is_the_same_amount(amount_minor: int, currency: str) -> None:
    largest = MAX_MAJOR_UNITS * 10 ** exponent(currency)
    amount_minor = max(-largest, min(amount_minor, largest))
    assert to_minor(to_major(amount_minor, currency), currency) == amount_minor


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("10.25", "EUR", 1025),
        ("10.250000", "EUR", 1025),
        ("1E+3", "EUR", 100_000),
        ("7", "JPY", 7),
        ("7.0", "JPY", 7),
        ("1.234", "KWD", 1234),
        ("0", "EUR", 0),
        ("-0.01", "EUR", -1),
        ("10000000000000", "EUR", 10**15),
    ],
)
def test_amounts_of_a_currency(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.001", "EUR"),
        ("0.5", "JPY"),
        ("0.0001", "KWD"),
        ("1E-30000", "EUR"),
        ("10.0000000000000000000000000000000001", "EUR"),
        ("NaN", "EUR"),
        ("sNaN", "EUR"),
        ("Infinity", "EUR"),
        ("-Infinity", "EUR"),
        ("10000000000000.01", "EUR"),
        ("-10000000000001", "EUR"),
        ("1E+400", "EUR"),
    ],
)
def test_what_is_no_amount_of_the_currency(amount: str, currency: str) -> None:
    with pytest.raises(InvalidAmount):
        to_minor(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1025, "EUR", "10.25"),
        (1020, "EUR", "10.2"),
        (1000, "EUR", "10"),
        (-5, "EUR", "-0.05"),
        (7, "JPY", "7"),
        (1, "KWD", "0.001"),
        (10**18 + 1, "EUR", "10000000000000000.01"),
    ],
)
def test_major_units_are_exact_and_short(minor: int, currency: str, text: str) -> None:
    assert str(to_major(minor, currency)) == text
