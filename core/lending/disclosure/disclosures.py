"""A disclosure: an offer in every form, with its figures, as it was given or as it would be today.

What is given is a value of words and figures, so that it reads the same ever after, whatever the
forms, the product or the bank's address have become.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from core.documents.document import Document
from core.lending.disclosure.kfs import key_facts_statement
from core.lending.disclosure.offer import Offer
from core.lending.disclosure.regz import truth_in_lending
from core.lending.disclosure.secci import consumer_credit_information


class Form(StrEnum):
    """Whose form: the Reserve Bank of India's, the European Union's, Regulation Z's."""

    KFS = "kfs"
    SECCI = "secci"
    REGZ = "regz"


FORMS: Final[Mapping[Form, Callable[[Offer, tuple[str, ...]], Document]]] = {
    Form.KFS: key_facts_statement,
    Form.SECCI: consumer_credit_information,
    Form.REGZ: truth_in_lending,
}


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class PaymentRun(_Kept):
    """Payments of one amount, one after the other; the first on ``first_due_date``."""

    count: int
    amount_minor: int
    first_due_date: date


class DisclosedFigures(_Kept):
    """What the forms have in common, amounts in minor units, rates in percent a year.

    ``amount_financed_minor`` is what the borrower receives: the net disbursed amount, the total
    amount of credit. ``apr`` and ``ear`` are None where they are too high to be told.
    """

    currency: str
    amount_minor: int
    withheld_minor: int
    amount_financed_minor: int
    interest_rate: Decimal
    emi_minor: int
    number_of_instalments: int
    total_interest_minor: int
    total_payable_minor: int
    finance_charge_minor: int
    apr: Decimal | None
    ear: Decimal | None
    payments: tuple[PaymentRun, ...]


class Disclosure(_Kept):
    """What a borrower is told of a loan; ``given_on`` is None before the loan is approved."""

    loan_id: UUID
    drawn_up_on: date
    given_on: date | None
    figures: DisclosedFigures
    forms: dict[Form, Document]


def disclose(offer: Offer, *, given: bool) -> Disclosure:
    """The disclosure of an offer: given with the approval, or drawn up while it is asked for."""
    lines = _lines(offer, given=given)
    return Disclosure(
        loan_id=offer.loan_id,
        drawn_up_on=offer.on,
        given_on=offer.on if given else None,
        figures=_figures(offer),
        forms={form: lay_out(offer, lines) for form, lay_out in FORMS.items()},
    )


def _lines(offer: Offer, *, given: bool) -> tuple[str, ...]:
    day = offer.on.isoformat()
    when = (
        f"Given on {day} with the approval of the loan"
        if given
        else f"Drawn up on {day}, as if the loan were paid out on that day"
    )
    return offer.creditor.name, f"For {offer.borrower}, loan {offer.loan_id}", when


def _figures(offer: Offer) -> DisclosedFigures:
    return DisclosedFigures(
        currency=offer.currency,
        amount_minor=offer.terms.principal_minor,
        withheld_minor=offer.terms.fee_minor,
        amount_financed_minor=offer.received_minor,
        interest_rate=offer.terms.annual_rate,
        emi_minor=offer.schedule.emi_minor,
        number_of_instalments=len(offer.rows),
        total_interest_minor=offer.schedule.total_interest_minor,
        total_payable_minor=offer.schedule.total_payable_minor,
        finance_charge_minor=offer.finance_charge_minor,
        apr=offer.apr,
        ear=offer.ear,
        payments=tuple(
            PaymentRun(count=run.count, amount_minor=run.amount_minor, first_due_date=run.first_due)
            for run in offer.payments()
        ),
    )
