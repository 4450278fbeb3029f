"""What a borrower is given to keep, on the wire."""

from datetime import date
from uuid import UUID

from api.schemas.answers import ViewAnswer
from api.schemas.fields import Money
from api.schemas.terms import Percent
from core.documents.document import Document
from core.lending.disclosure.disclosures import Disclosure, Form


class PaymentRunAnswer(ViewAnswer):
    """Payments of one amount, one after the other."""

    count: int
    amount: Money
    first_due_date: date


class DisclosureAnswer(ViewAnswer):
    """What is disclosed of a loan: the figures, and the form word for word.

    ``given_on`` is null until the loan is approved. ``amount_financed`` is what the borrower
    receives (Regulation Z), the net disbursed amount (RBI), the total amount of credit (EU);
    ``total_payable`` the total of payments; ``apr`` is Regulation Z's rate and the RBI's, ``ear``
    the European Union's.
    """

    loan_id: UUID
    form: Form
    drawn_up_on: date
    given_on: date | None
    currency: str
    amount: Money
    withheld: Money
    amount_financed: Money
    interest_rate: Percent
    emi: Money
    number_of_instalments: int
    total_interest: Money
    total_payable: Money
    finance_charge: Money
    apr: Percent
    ear: Percent
    payments: list[PaymentRunAnswer]
    document: Document

    @classmethod
    def made_of(cls, disclosure: Disclosure, form: Form) -> "DisclosureAnswer":
        """The answer in one of the forms."""
        figures = disclosure.figures
        runs = [PaymentRunAnswer.of(run, figures.currency) for run in figures.payments]
        return cls.of(
            figures,
            loan_id=disclosure.loan_id,
            form=form,
            drawn_up_on=disclosure.drawn_up_on,
            given_on=disclosure.given_on,
            payments=runs,
            document=disclosure.forms[form],
        )
