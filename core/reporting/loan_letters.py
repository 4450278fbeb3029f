"""Letters on a loan: what was paid in a year, and that nothing is owed any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from core.documents.document import Document, Facts, Note, Section
from core.foundation.errors import DuesRemain
from core.ledger.chart import LedgerCode
from core.lending.states import PAID_OFF, LoanStatus
from core.reporting.loan_entries import LoanEntry
from core.reporting.loan_files import LoanOnFile
from core.reporting.loan_statement import money

_ENDINGS: Final = {
    LoanStatus.CLOSED: "repaid in full",
    LoanStatus.FORECLOSED: "repaid in full before its time",
    LoanStatus.SETTLED: "settled: the bank accepted an agreed sum for all that was owed",
    LoanStatus.WRITTEN_OFF: "written off, and all of it recovered since",
}
# As income, or in suspense while the loan does not perform.
_INTEREST_EARNED: Final = (LedgerCode.INTEREST_INCOME.value, LedgerCode.INTEREST_IN_SUSPENSE.value)
_CHARGES_EARNED: Final = (
    LedgerCode.PENALTY_INCOME.value,
    LedgerCode.FEE_INCOME.value,
    LedgerCode.TAX_PAYABLE.value,
    LedgerCode.PENALTIES_IN_SUSPENSE.value,
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a borrower paid on a loan from ``since`` through ``until``, in minor units.

    ``charges_minor`` are penalties and fees, ``recovered_minor`` what came in after a write-off.
    What was withheld from the disbursement is told as a fee of its day.
    """

    loan: LoanOnFile
    bank: str
    since: date
    until: date
    principal_minor: int
    interest_minor: int
    charges_minor: int
    recovered_minor: int
    outstanding_minor: int

    @property
    def loan_id(self) -> UUID:
        """The loan's id."""
        return self.loan.loan_id

    @property
    def currency(self) -> str:
        """The loan's currency."""
        return self.loan.currency


def year_of(year: int, first_month: int) -> tuple[date, date]:
    """The first and last day of the year that begins in ``year`` with a month; 1: the calendar's,
    4: the fiscal year of India."""
    begin, end = date(year, first_month, 1), date(year + 1, first_month, 1)
    return begin, end - timedelta(days=1)


def certificate(
    loan: LoanOnFile, entries: Sequence[LoanEntry], *, bank: str, since: date, until: date
) -> Certificate:
    """What the entries say was paid, each on the day that it is for."""
    waivers = _waived(entries)
    within = [pair for pair in waivers if since <= pair[0].of_day <= until]
    return Certificate(
        loan=loan,
        bank=bank,
        since=since,
        until=until,
        principal_minor=sum(_principal_paid(each) for each, _ in within),
        interest_minor=sum(
            each.credited(*_INTEREST_EARNED) - each.interest_minor - waived.interest
            for each, waived in within
        ),
        charges_minor=sum(
            each.credited(*_CHARGES_EARNED) - each.charges_minor - waived.charges
            for each, waived in within
        ),
        recovered_minor=sum(each.credited(LedgerCode.RECOVERY_INCOME) for each, _ in within),
        outstanding_minor=sum(each.principal_minor for each in entries if each.of_day <= until),
    )


# What was paid of a component is what was earned of it, less the change of what is owed, less what
# was waived. So a payment counts as it was allocated; a correction and interest that became
# principal count, too; what was charged, given up or waived does not. A disbursement's fee, which
# was withheld, is among the charges.


def _principal_paid(entry: LoanEntry) -> int:
    if entry.type == "disbursement":
        return 0
    return entry.credited(LedgerCode.LOSSES_WRITTEN_OFF) - entry.principal_minor


class _Waived(NamedTuple):
    """Income that was let go, in minor units; below zero: what was taken back of it."""

    interest: int = 0
    charges: int = 0


def _waived(entries: Sequence[LoanEntry]) -> list[tuple[LoanEntry, _Waived]]:
    """Each entry with what it waived.

    A waiver is of one component, which is owed less by it. A correction changes all waivers in one
    sum: that is of the charges first, as far as charges were waived by then, and of interest after.
    """
    found = []
    let_go = in_force = 0  # of charges: by waivers in all, and what corrections have left of that
    for entry in entries:
        amount = -entry.credited(LedgerCode.WAIVED)
        charges = min(max(amount, -in_force), let_go - in_force)
        if entry.type == "waiver":
            charges = 0 if entry.interest_minor else amount
            let_go += charges
        in_force += charges
        found.append((entry, _Waived(amount - charges, charges)))
    return found


def certificate_document(found: Certificate, issued_on: date) -> Document:
    """The certificate as it is printed."""
    currency = found.loan.currency
    facts = Facts.of(
        ("Loan", f"{found.loan.product}, {money(found.loan.amount_minor, currency)}"),
        ("Paid out on", found.loan.disbursed_on.isoformat()),
        ("Principal repaid", money(found.principal_minor, currency)),
        ("Interest paid", money(found.interest_minor, currency)),
        ("Fees and penalties paid", money(found.charges_minor, currency)),
        ("Recovered after a write-off", money(found.recovered_minor, currency)),
        (f"Principal outstanding on {found.until}", money(found.outstanding_minor, currency)),
    )
    period = f"What was paid from {found.since} through {found.until}"
    return Document(
        title="Interest certificate",
        lines=_addressed(found.bank, found.loan, issued_on),
        sections=(Section(heading=period, blocks=(facts,)),),
    )


def refuse_dues(loan: LoanOnFile) -> None:
    """Raise DuesRemain while the borrower owes anything on the loan."""
    recovered = loan.recovered_minor >= loan.written_off_minor
    if loan.status in PAID_OFF or loan.status is LoanStatus.SETTLED:
        return
    if loan.status is LoanStatus.WRITTEN_OFF and recovered:
        return
    raise DuesRemain


def no_dues_document(loan: LoanOnFile, *, bank: str, issued_on: date) -> Document:
    """The letter that nothing is owed. Raises DuesRemain."""
    refuse_dues(loan)
    ended = loan.ended_on.isoformat() if loan.ended_on else ""
    facts = Facts.of(
        ("Loan", f"{loan.product}, {money(loan.amount_minor, loan.currency)}"),
        ("Paid out on", loan.disbursed_on.isoformat()),
        ("Ended on", ended),
        ("How it ended", _ENDINGS[loan.status]),
    )
    letter = Note(
        text=f"We confirm that nothing is owed on this loan to {bank} any more, and that the bank"
        " has no claim from it."
    )
    return Document(
        title="No-dues letter",
        lines=_addressed(bank, loan, issued_on),
        sections=(Section(heading="Nothing is owed", blocks=(letter, facts)),),
    )


def _addressed(bank: str, loan: LoanOnFile, issued_on: date) -> tuple[str, ...]:
    return bank, f"For {loan.borrower}, loan {loan.loan_id}", f"Issued on {issued_on}"
