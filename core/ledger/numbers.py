"""Account numbers with a check digit, and the IBANs that carry them."""

from typing import Final

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

SERIAL_DIGITS: Final = 9
# What a digit counts for in Luhn's sum, in its place and in every second one, by its ASCII code.
_VALUE: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))


def check_digit(digits: str) -> str:
    """The digit that, appended, makes ``digits`` valid by Luhn's formula (ISO/IEC 7812-1).

    It catches every single wrong digit and nearly every swap of neighbours.
    """
    places = digits.encode()[::-1]
    total = sum(places[::2].translate(_DOUBLED)) + sum(places[1::2].translate(_VALUE))
    return str(-total % 10)


def is_account_number(number: str) -> bool:
    """Whether ``number`` could be one of ours: ten digits, the last of them right.

    One that could not is looked up nowhere.
    """
    return (
        len(number) == SERIAL_DIGITS + 1
        and number.isascii()
        and number.isdigit()
        and check_digit(number[:-1]) == number[-1]
    )


def make_iban(account_number: str, *, country: str, bank_code: str) -> str:
    """The IBAN of an account of the bank of that country and code.

    Raises ValueError where the country's IBANs have no room for our numbers, or for the code.
    """
    try:
        iban = IBAN.generate(country, bank_code=bank_code, account_code=account_number)
    except SchwiftyException as error:
        raise ValueError(f"no IBAN of {country} for bank {bank_code}: {error}") from error
    return str(iban)


async def next_account_number(session: AsyncSession) -> str:
    """A number that no account has had. Numbers of rolled back units of work are left out."""
    serial = await session.scalar(text("SELECT nextval('account_number_seq')"))
    digits = f"{serial:0{SERIAL_DIGITS}d}"
    return digits + check_digit(digits)
