"""How the tests write down a published table: amounts as the source prints them."""

from datetime import date
from decimal import Decimal

from core.lending.amortisation import Schedule, Terms

Row = tuple[str, str, str, str]


def minor(amount: str) -> int:
    """Return an amount of a currency with two decimals in minor units."""
    return int(Decimal(amount).scaleb(2))


def loan(
    amount: str, rate: str, instalments: int, start: tuple[int, int, int], **terms: object
) -> Terms:
    """Return terms as a table's heading states them."""
    return Terms(
        principal_minor=minor(amount),
        annual_rate=Decimal(rate),
        instalments=instalments,
        start_date=date(*start),
        **terms,  # type: ignore[arg-type]
    )


def rows(schedule: Schedule) -> list[Row]:
    """Return (total, interest, principal, balance) of each instalment, as tables print them."""
    return [
        (
            money(row.total_minor),
            money(row.interest_minor),
            money(row.principal_minor),
            money(row.balance_minor),
        )
        for row in schedule.instalments
    ]


def money(amount_minor: int) -> str:
    """Return minor units with two decimals."""
    return f"{Decimal(amount_minor).scaleb(-2):.2f}"
