"""The fees of a loan's instalments when its schedule changes, and when it ends.

A fee is the bank's income when it falls due, or when some of it is paid before that: then it is
booked, whole. What the schedule would have asked with an instalment that never falls due is owed
by nobody. What staff charged by hand is owed: it follows the instalment to its new schedule, or is
asked at the end. Pure, on the loan's book.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from core.lending.amortisation import Fee
from core.lending.amortisation.rounding import round_ratio
from core.lending.amortisation.terms import Rounding
from core.lending.servicing.allocation import Split
from core.lending.servicing.loan_book import Line, LoanBook


def claimed(line: Line) -> int:
    """What is owed as fees of an instalment that is not due, if the loan ends today."""
    return line.unpaid.fee if line.fee_booked_on is not None else line.fee_levied


def levy(line: Line, fee: Fee) -> None:
    """Ask ``fee`` with the instalment, beside what its schedule asks."""
    line.asked += Split(fee=fee.total_minor)
    line.fee_tax += fee.tax_minor
    line.fee_levied += fee.total_minor
    line.fee_levied_tax += fee.tax_minor
    line.recharged = True


def ask_now(book: LoanBook, line: Line, fee: Fee, on: date) -> None:
    """Ask ``fee`` with an instalment whose fees are booked, or are now."""
    book.book_fees([line], on)
    line.asked += Split(fee=fee.total_minor)
    line.fee_tax += fee.tax_minor
    line.fee_booked_on, line.recharged = line.fee_booked_on or on, True
    book.book_fee(fee, on)


def keep_fees(book: LoanBook, old: Sequence[Line], new: Sequence[Line], on: date) -> None:
    """Give ``new``, which replace ``old`` and ask their own schedule's fees, what they had to ask.

    A fee that is booked stays as it was; one charged by hand comes beside the schedule's. Where
    their instalment is no more, they are the last one's.
    """
    by_number = {line.number: line for line in new}
    for before in old:
        line = by_number.get(before.number, new[-1])
        if before.fee_booked_on is not None and before.number != line.number:
            _carry(book, line, before.asked.fee, before.fee_tax, on)
        elif before.fee_booked_on is not None:
            line.asked = replace(line.asked, fee=before.asked.fee)
            line.fee_tax, line.fee_booked_on = before.fee_tax, before.fee_booked_on
            line.fee_levied, line.fee_levied_tax = before.fee_levied, before.fee_levied_tax
        elif before.fee_levied:
            levy(line, Fee(before.fee_levied - before.fee_levied_tax, before.fee_levied_tax))


def forgo_scheduled(book: LoanBook, on: date) -> None:
    """Let go of the fees of instalments that will not fall due any more; book all the others."""
    unpaid = book.upcoming(date.min)
    for line in unpaid:
        if line.due_date > on and line.fee_booked_on is None and line.asked.fee:
            line.asked = replace(line.asked, fee=line.fee_levied)
            line.fee_tax = line.fee_levied_tax
            line.recharged = book.changed = True
    book.book_fees(unpaid, on)


def carry_fee(book: LoanBook, fee: int, tax: int, on: date) -> None:
    """Ask with the first instalment a fee that an older schedule left unpaid, and that is booked.

    What it asks by its own schedule is booked with that, ahead of its due date.
    """
    if not fee:
        return
    _carry(book, book.upcoming(date.min)[0], fee, tax, on)


def _carry(book: LoanBook, line: Line, fee: int, tax: int, on: date) -> None:
    book.book_fees([line], on)
    line.asked += Split(fee=fee)
    line.fee_tax += tax
    line.fee_booked_on = on


def unpaid_tax(lines: Iterable[Line]) -> int:
    """The tax in what is unpaid of the lines' fees, in proportion, each half up."""
    return sum(tax_in(line, line.unpaid.fee) for line in lines)


def tax_in(line: Line, part: int) -> int:
    """The tax in ``part`` of what the line asks as fees, half up."""
    fee = line.asked.fee
    return round_ratio(line.fee_tax * part, fee, Rounding.HALF_UP) if fee else 0
