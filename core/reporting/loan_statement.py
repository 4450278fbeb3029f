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
from core.reporting.loan_interest import DayEarned, with_interest

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
    """The entries whose accounting dates lie from ``since`` through ``until``.

    What was owed before and after them of each component; the lines add up to the difference.
    Interest that was paid ahead is owed below zero.
    """

    loan: LoanOnFile
    bank: str
    since: date
    until: date
    opening_principal_minor: int
    opening_interest_minor: int
    opening_charges_minor: int
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

    @property
    def closing_interest_minor(self) -> int:
        """The interest owed at the end."""
        return self.opening_interest_minor + sum(x.entry.interest_minor for x in self.lines)

    @property
    def closing_charges_minor(self) -> int:
        """The penalties and fees owed at the end."""
        return self.opening_charges_minor + sum(x.entry.charges_minor for x in self.lines)


def statement(
    loan: LoanOnFile,
    entries: Sequence[LoanEntry],
    earned: Sequence[DayEarned],
    *,
    bank: str,
    since: date,
    until: date,
) -> LoanStatement:
    """The statement of these dates from everything booked on the loan, and what it ``earned`` by
    the entries of all loans."""
    before = with_interest(
        [each for each in entries if each.accounting_date < since],
        [each for each in earned if each.accounting_date < since],
    )
    within = with_interest(
        [each for each in entries if since <= each.accounting_date <= until],
        [each for each in earned if since <= each.accounting_date <= until],
    )
    opening = sum(each.principal_minor for each in before)
    balances = accumulate((each.principal_minor for each in within), initial=opening)
    next(balances)
    lines = tuple(StatementLine(*pair) for pair in zip(within, balances, strict=True))
    return LoanStatement(
        loan,
        bank,
        since,
        until,
        opening,
        sum(each.interest_minor for each in before),
        sum(each.charges_minor for each in before),
        lines,
    )


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
                entry.accounting_date, entry.value_date or "", entry.transaction_id or "",
                entry.type, entry.description,
                *(f"{to_major(each, currency):f}" for each in amounts),
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
        (f"Interest owed before {found.since}", money(found.opening_interest_minor, currency)),
        (f"Interest owed after {found.until}", money(found.closing_interest_minor, currency)),
        (f"Charges owed before {found.since}", money(found.opening_charges_minor, currency)),
        (f"Charges owed after {found.until}", money(found.closing_charges_minor, currency)),
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
