"""What staff add to a loan's fees, and what they let go of what it owes.

Pure, on the loan's book; a loan's life is replayed with the same functions. A charge is asked once,
with an instalment, or from now on at a moment, as a charge of the product is. A waiver takes back
what was asked and is unpaid, the oldest instalment first: it is no income any more, and no debt.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, replace
from datetime import date

from core.foundation.errors import LoanStateConflict, NothingToWaive
from core.foundation.money import to_major
from core.lending.amortisation import NO_FEE, Fee, FeeRule, fee_of
from core.lending.amortisation.rounding import round_ratio
from core.lending.amortisation.terms import Rounding
from core.lending.origination.charges import ChargeTerms, When
from core.lending.origination.products import ProductTerms
from core.lending.servicing.allocation import Component, Split
from core.lending.servicing.events import ChargeParticulars
from core.lending.servicing.line_fees import ask_now, claimed, levy, tax_in
from core.lending.servicing.loan_book import Line, LoanBook


@dataclass(frozen=True, slots=True)
class HandCharge:
    """A charge by hand: the fee that is asked now, if any, and with which instalment."""

    fee: Fee = NO_FEE
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class Waived:
    """What was let go, in minor units: what of it the books had, in it the tax, and what of it
    stood in suspense."""

    component: Component
    amount: int
    booked: int
    tax: int = 0
    suspended: int = 0


def charge(book: LoanBook, asked: ChargeParticulars, today: date) -> HandCharge:
    """Ask a charge by hand.

    Raises LoanStateConflict where the loan has no instalment left to ask it with, or asks a charge
    of that code already, CapReached where it asks as many as a loan may.
    """
    if asked.when is not None:
        book.terms = book.terms.with_charge(terms_of(asked, asked.when, book.currency))
        if asked.when is When.INSTALMENT:
            _ask_with_all(book, rule_of(asked), today)
        return HandCharge()
    line = line_for(book, asked.on or today)
    fee = fee_of(rule_of(asked), base_of(line))
    if line.due_date <= today or line.fee_booked_on is not None:
        ask_now(book, line, fee, today)
    else:
        levy(line, fee)
        book.changed = True
    return HandCharge(fee, line)


def line_for(book: LoanBook, on: date) -> Line:
    """The instalment with which a fee is asked: the first unpaid one due on or after a day, else
    the last. Raises LoanStateConflict where none is left."""
    unpaid = book.upcoming(date.min)
    if not unpaid:
        raise LoanStateConflict("no instalment is left with which it could be asked")
    return next((line for line in unpaid if line.due_date >= on), unpaid[-1])


def terms_of(asked: ChargeParticulars, when: When, currency: str) -> ChargeTerms:
    """The charge as one of a loan's terms."""
    return ChargeTerms(
        code=asked.code,
        name=asked.name,
        when=when,
        amount=to_major(asked.flat_minor, currency),
        percent=asked.percent,
        tax_percent=asked.tax_percent,
    )


def rule_of(asked: ChargeParticulars) -> FeeRule:
    """How the charge is computed."""
    return FeeRule(asked.flat_minor, asked.percent, asked.tax_percent)


def base_of(line: Line) -> int:
    """The principal and interest that the instalment's schedule asks."""
    interest = line.asked.interest - line.late_interest
    return line.asked.principal - line.prepaid + interest


def without_charges(terms: ProductTerms, codes: Iterable[str]) -> ProductTerms:
    """The terms as they were before staff added the charges of these codes."""
    added = set(codes)
    kept = tuple(each for each in terms.charges if each.code not in added)
    return terms.model_copy(update={"charges": kept})


def waivable(book: LoanBook, component: Component, on: date) -> int:
    """What can be waived: penalties and fees that are asked, interest that is earned and due."""
    asked = sum(_owed(line, component, on) for line in book.upcoming(date.min))
    return min(asked, max(0, book.interest_owed())) if component is Component.INTEREST else asked


def refuse_waiver(book: LoanBook, component: Component, amount: int, on: date) -> None:
    """Raise NothingToWaive where less than ``amount`` could be waived; changes nothing."""
    probe = copy(book)
    if component is Component.INTEREST:
        probe.accrue_to(on)
    _refuse_more(probe, component, amount, on)


def _refuse_more(book: LoanBook, component: Component, amount: int, on: date) -> None:
    owed = waivable(book, component, on)
    if amount > owed:
        left = f"{to_major(owed, book.currency):f} {book.currency}"
        raise NothingToWaive(f"of {component.value} that is asked, {left} is unpaid")


def waive(book: LoanBook, component: Component, amount: int, on: date) -> Waived:
    """Let go ``amount`` of what is unpaid. Raises NothingToWaive where less than that is."""
    if component is Component.INTEREST:
        book.accrue_to(on)
    elif component is Component.FEE:
        book.book_fees(book.due(on), on)
    _refuse_more(book, component, amount, on)
    booked = tax = 0
    left_to_waive = amount
    for line in book.upcoming(date.min):
        part = min(left_to_waive, _owed(line, component, on))
        if part:
            of_books, tax_of = _take(line, component, part, on)
            booked, tax = booked + of_books, tax + tax_of
            left_to_waive -= part
    suspended = _from_suspense(book, component, booked)
    book.reshaped = book.changed = True
    if book.dpd and not book.due(on):
        book.cure()
    book.end_if_repaid(on)
    return Waived(component, amount, booked, tax, suspended)


def _take(line: Line, component: Component, part: int, on: date) -> tuple[int, int]:
    """Take ``part`` off what the line asks; what of it is booked, and the tax in that."""
    if component is Component.FEE:
        booked, tax = _take_fee(line, part)
    else:
        booked, tax = part, 0
        line.asked -= Split(**{component.value: part})
        line.late_interest = min(line.late_interest, line.asked.interest)
    line.recharged = True
    if line.paid == line.asked:
        line.paid_on, line.next_attempt_on = on, None
    return booked, tax


def _take_fee(line: Line, part: int) -> tuple[int, int]:
    is_booked = line.fee_booked_on is not None
    # What is not booked, and is owed all the same, was charged by hand.
    tax = tax_in(line, part) if is_booked else _tax_of_levied(line, part)
    line.asked -= Split(fee=part)
    line.fee_tax -= tax
    if is_booked:
        line.fee_levied = min(line.fee_levied, line.asked.fee)
        line.fee_levied_tax = min(line.fee_levied_tax, line.fee_levied)
        return part, tax
    line.fee_levied -= part
    line.fee_levied_tax -= tax
    return 0, 0


def _tax_of_levied(line: Line, part: int) -> int:
    return round_ratio(line.fee_levied_tax * part, line.fee_levied, Rounding.HALF_UP)


def _owed(line: Line, component: Component, on: date) -> int:
    if component is Component.FEE:
        return _owed_fee(line, on)
    unpaid: int = getattr(line.unpaid, component)
    return unpaid if line.due_date <= on else 0


def _owed_fee(line: Line, on: date) -> int:
    return line.unpaid.fee if line.due_date <= on else claimed(line)


def _from_suspense(book: LoanBook, component: Component, amount: int) -> int:
    """What of a waived amount stood in suspense, which is used up first; moves the book."""
    if component is Component.INTEREST:
        book.interest_accrued -= amount
        part = min(amount, book.interest_suspended)
        book.interest_suspended -= part
        return part
    if component is Component.PENALTY:
        part = min(amount, book.penalty_suspended)
        book.penalty_suspended -= part
        return part
    return 0


def _ask_with_all(book: LoanBook, rule: FeeRule, today: date) -> None:
    """Ask a fee with every instalment that is not due, nor paid in part already."""
    for line in book.upcoming(today):
        if line.fee_booked_on is None:
            fee = fee_of(rule, base_of(line))
            line.asked = replace(line.asked, fee=line.asked.fee + fee.total_minor)
            line.fee_tax += fee.tax_minor
            line.recharged = book.changed = True
