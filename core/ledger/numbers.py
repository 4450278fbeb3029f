"""Account numbers with a check digit, and the IBANs that carry them."""

from typing import Final

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

SERIAL_DIGITS: Final = 9


def check_digit(digits: str) -> str:
    """The digit that, appended, makes ``digits`` valid by Luhn's formula (ISO/IEC 7812-1).

    It catches every single wrong digit and nearly every swap of neighbours.
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def is_account_number(number: str) -> bool:
    """Whether ``number`` could be one of ours: ten digits, the last of them right."""
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
