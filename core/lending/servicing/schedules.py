"""A loan's schedule: the first one at disbursal, and those that replace it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.lending.amortisation import (
    Instalment,
    PrepaymentMode,
    Schedule,
    Terms,
    generate,
    reschedule,
)
from core.lending.collections.retries import CollectionCalendar
from core.lending.origination.products import ProductTerms
from core.lending.servicing.accrual import Window
from core.lending.servicing.allocation import Split
from core.lending.servicing.loan_book import Line, LoanBook


@dataclass(frozen=True, slots=True)
class Basis:
    """What a schedule was computed from; instalment numbers begin at ``first_number``."""

    start: date
    principal: int
    rate: Decimal
    instalments: int
    first_number: int = 1

    @classmethod
    def from_json(cls, text: str) -> "Basis":
        """The basis as it stands on the loan."""
        data = json.loads(text)
        return cls(
            date.fromisoformat(data["start"]),
            data["principal"],
            Decimal(data["rate"]),
            data["instalments"],
            data["first_number"],
        )

    def to_json(self) -> str:
        """The basis as it is stored on the loan."""
        return json.dumps(
            {
                "start": self.start.isoformat(),
                "principal": self.principal,
                "rate": str(self.rate),
                "instalments": self.instalments,
                "first_number": self.first_number,
            }
        )

    def terms(self, product: ProductTerms, currency: str, fee: int = 0) -> Terms:
        """The amortisation's terms. Raises TermsError where they make no schedule."""
        return Terms(
            principal_minor=self.principal,
            annual_rate=self.rate,
            instalments=self.instalments,
            start_date=self.start,
            method=product.method,
            frequency=product.schedule_frequency(),
            day_count=product.day_count,
            rounding=product.rounding,
            rounding_unit_minor=product.rounding_unit_minor(currency),
            smoothing=product.smoothing,
            moratorium=self._grace(product, product.moratorium_months),
            interest_moratorium=self._grace(product, product.interest_moratorium_months),
            fee_minor=fee,
        )

    def _grace(self, product: ProductTerms, months: int) -> int:
        """A moratorium of ``months`` in instalments; a schedule that replaces another has none."""
        if months == 0 or self.first_number > 1:
            return 0
        return min(product.instalments(months), self.instalments - 1)


def start_schedule(
    book: LoanBook, basis: Basis, on: date, calendar: CollectionCalendar, carried: Split
) -> None:
    """Give ``book`` the schedule of ``basis`` from ``on``; its first line also asks ``carried``.

    ``carried`` is what an older schedule left unpaid: earned interest and charges, which earn
    nothing further.
    """
    schedule = generate(basis.terms(book.terms, book.currency))
    rows = schedule.instalments
    offset = basis.first_number - 1
    lines = _lines(rows, book.version + 1, offset, on, calendar)
    lines[0].asked += carried
    if lines[0].asked.total:
        lines[0].paid_on = None
    book.replace_lines(book.upcoming(date.min), lines)
    book.basis = basis.to_json()
    book.emi = schedule.emi_minor
    book.window = Window(rows[0].start_date, rows[0].due_date, rows[0].interest_minor)


def prepay(
    book: LoanBook, amount: int, mode: PrepaymentMode, on: date, calendar: CollectionCalendar
) -> None:
    """Pay ``amount`` of principal ahead of time and lay out anew what is left.

    Interest must be earned to ``on`` and nothing may be due; ``amount`` is less than the
    principal outstanding. The prepayment counts as principal of the next instalment, as in the
    amortisation's own prepayments. Interest earned before today falls due with that instalment.
    """
    old = book.upcoming(on)
    first = old[0]
    basis = Basis.from_json(book.basis or "{}")
    inside = book.window is not None and book.window.end == first.due_date
    earned = first.asked.interest - book.window.rest_minor if inside and book.window else 0
    schedule = reschedule(
        basis.terms(book.terms, book.currency),
        book.outstanding - amount,
        after=first.number - basis.first_number,
        mode=mode,
        emi_minor=book.emi,
        balance_since=max(on, first.period_start),
        unpaid_interest_minor=max(0, earned),
    )
    new = _lines(schedule.instalments, book.version + 1, basis.first_number - 1, on, calendar)
    _count_prepayment(new[0], first, amount, on)
    if inside:
        book.window = Window(on, first.due_date, max(0, new[0].asked.interest - earned))
    book.replace_lines(old, new)
    book.count_paid(Split(principal=amount))
    if mode is PrepaymentMode.REDUCE_EMI:
        book.emi = schedule.emi_minor


def project(book_terms: ProductTerms, currency: str, basis: Basis, fee: int) -> Schedule:
    """The schedule that a loan not yet disbursed would have."""
    return generate(basis.terms(book_terms, currency, fee))


def _lines(
    rows: Sequence[Instalment], version: int, offset: int, on: date, calendar: CollectionCalendar
) -> list[Line]:
    return [
        Line(
            version=version,
            number=row.number + offset,
            period_start=row.start_date,
            due_date=row.due_date,
            opening=row.opening_balance_minor,
            asked=Split(principal=row.principal_minor, interest=row.interest_minor),
            next_attempt_on=calendar.adjust(row.due_date) if row.total_minor else None,
            paid_on=None if row.total_minor else on,
        )
        for row in rows
    ]


def _count_prepayment(line: Line, before: Line, amount: int, on: date) -> None:
    """Put what was paid ahead, now and earlier, into the next instalment."""
    ahead = before.paid.principal + amount
    interest = max(line.asked.interest, before.paid.interest)
    line.opening += ahead
    line.asked = Split(
        before.asked.penalty, before.asked.fee, interest, line.asked.principal + ahead
    )
    line.prepaid = before.prepaid + amount
    line.paid = Split(before.paid.penalty, before.paid.fee, before.paid.interest, ahead)
    if line.paid == line.asked:
        line.paid_on = on
        line.next_attempt_on = None
