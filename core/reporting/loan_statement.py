"""A loan's statement of account: what it owed before and after, and all that happened between."""

from collections.abc import Sequence
from csv import writer
from dataclasses import dataclass
from datetime import date
from io import StringIO
from itertools import accumulate
from typing import Final
from uuid import UUID

from core.documents.document import Column, Document, Facts, Grid, Section
from core.foundation.money import exponent, to_major
from core.reporting.loan_entries import LoanEntry
from core.reporting.loan_files import LoanOnFile

CSV_COLUMNS: Final = (
    "accounting_date", "value_date", "transaction_id", "type", "description", "paid",
    "principal", "interest", "charges", "principal_balance",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry with the principal outstanding after it."""

    entry: LoanEntry
    balance_minor: int


@dataclass(frozen=True, slots=True)
class LoanStatement:
    """The entries whose accounting dates lie from ``since`` through ``until``."""

    loan: LoanOnFile
    bank: str
    since: date
    until: date
    opening_principal_minor: int
    lines: tuple[StatementLine, ...]

    @property
    def loan_id(self) -> UUID:
        """The loan's id."""
        return self.loan.loan_id

    @property
    def currency(self) -> str:
        """The loan's currency."""
        return self.loan.currency

    @property
    def closing_principal_minor(self) -> int:
        """The principal outstanding at the end."""
        return self.lines[-1].balance_minor if self.lines else self.opening_principal_minor


def statement(
    loan: LoanOnFile, entries: Sequence[LoanEntry], *, bank: str, since: date, until: date
) -> LoanStatement:
    """The statement of these dates from everything booked on the loan."""
    opening = sum(each.principal_minor for each in entries if each.accounting_date < since)
    within = [each for each in entries if since <= each.accounting_date <= until]
    balances = accumulate((each.principal_minor for each in within), initial=opening)
    next(balances)
    lines = tuple(StatementLine(*pair) for pair in zip(within, balances, strict=True))
    return LoanStatement(loan, bank, since, until, opening, lines)


def as_csv(found: LoanStatement) -> bytes:
    """The lines as comma-separated values, amounts in major units."""
    currency, page = found.loan.currency, StringIO()
    lines = writer(page)
    lines.writerow(CSV_COLUMNS)
    for line in found.lines:
        entry = line.entry
        amounts = (
            entry.paid_minor,
            entry.principal_minor,
            entry.interest_minor,
            entry.charges_minor,
            line.balance_minor,
        )
        lines.writerow(
            [
                entry.accounting_date, entry.value_date or "", entry.transaction_id, entry.type,
                entry.description, *(f"{to_major(each, currency):f}" for each in amounts),
            ]
        )  # fmt: skip
    return page.getvalue().encode()


def as_document(found: LoanStatement) -> Document:
    """The statement as it is printed."""
    loan = found.loan
    currency = loan.currency
    summary = Facts.of(
        ("Loan", f"{loan.product}, {money(loan.amount_minor, currency)}"),
        (f"Principal before {found.since}", money(found.opening_principal_minor, currency)),
        (f"Principal after {found.until}", money(found.closing_principal_minor, currency)),
    )
    columns = (
        Column(title="Date", width=3),
        Column(title="For", width=3),
        Column(title="What", width=6),
        Column(title=f"Paid ({currency})", width=3, numeric=True),
        Column(title="Principal", width=3, numeric=True),
        Column(title="Interest", width=3, numeric=True),
        Column(title="Charges", width=3, numeric=True),
        Column(title="Balance", width=3, numeric=True),
    )
    grid = Grid(columns=columns, rows=tuple(_row(line, currency) for line in found.lines))
    return Document(
        title="Statement of a loan",
        lines=(
            found.bank,
            f"For {loan.borrower}, loan {loan.loan_id}",
            f"From {found.since} through {found.until}",
        ),
        sections=(
            Section(heading="Summary", blocks=(summary,)),
            Section(heading="What was booked", blocks=(grid,)),
        ),
    )


def money(amount_minor: int, currency: str) -> str:
    """An amount with all its decimals: ``12,000.00 EUR``."""
    return f"{_figure(amount_minor, currency)} {currency}"


def _row(line: StatementLine, currency: str) -> tuple[str, ...]:
    entry = line.entry
    amounts = (
        entry.paid_minor,
        entry.principal_minor,
        entry.interest_minor,
        entry.charges_minor,
        line.balance_minor,
    )
    return (
        entry.accounting_date.isoformat(),
        entry.value_date.isoformat() if entry.value_date else "",
        entry.description,
        *(_figure(each, currency) for each in amounts),
    )


def _figure(amount_minor: int, currency: str) -> str:
    places = exponent(currency)
    return f"{to_major(amount_minor, currency):,.{places}f}"
