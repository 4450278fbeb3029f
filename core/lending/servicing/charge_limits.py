"""How much staff may charge by hand: something, and no more than the bank has lent."""

from datetime import date

from core.foundation.errors import Invalid, InvalidAmount
from core.foundation.money import to_major
from core.lending.amortisation import NO_FEE, Fee, fee_of
from core.lending.origination.charges import When
from core.lending.servicing.charges import base_of, line_for, rule_of
from core.lending.servicing.events import ChargeParticulars
from core.lending.servicing.loan_book import LoanBook


def foreseen(book: LoanBook, asked: ChargeParticulars, today: date) -> Fee:
    """What a charge comes to: with every instalment all of them together, at another moment the
    most that it can, once. Raises LoanStateConflict where no instalment is left."""
    rule = rule_of(asked)
    if asked.when is None:
        return fee_of(rule, base_of(line_for(book, asked.on or today)))
    if asked.when is When.INSTALMENT:
        return sum((fee_of(rule, base_of(line)) for line in book.upcoming(today)), NO_FEE)
    return fee_of(rule, book.amount)


def refuse_charge(book: LoanBook, asked: ChargeParticulars, today: date) -> None:
    """Raise InvalidAmount for a charge of nothing, or of more than was lent, and Invalid for a day
    that is past, or after the last instalment."""
    line = line_for(book, asked.on or today)
    if asked.on is not None and asked.on < today:
        raise _invalid_day("the day lies in the past")
    if asked.on is not None and asked.on > max(line.due_date, today):
        raise _invalid_day(f"the last instalment is due on {line.due_date}")
    fee = foreseen(book, asked, today)
    if not fee.total_minor:
        raise _invalid_amount(asked, "it comes to nothing")
    if fee.net_minor > book.amount:
        lent = f"{to_major(book.amount, book.currency):f} {book.currency}"
        raise _invalid_amount(asked, f"it comes to more than was lent, {lent}")


def _invalid_day(message: str) -> Invalid:
    return Invalid(message, [{"field": "on", "message": message, "code": "invalid"}])


def _invalid_amount(asked: ChargeParticulars, message: str) -> InvalidAmount:
    field = "amount" if asked.flat_minor else "percent"
    fault = {"field": field, "message": message, "code": InvalidAmount.code}
    return InvalidAmount(message, [fault])
