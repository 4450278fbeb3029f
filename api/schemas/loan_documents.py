"""What a borrower is given to keep, on the wire."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.answers import ViewAnswer
from api.schemas.fields import Money
from api.schemas.terms import Percent
from core.documents.document import Document
from core.foundation.money import to_major
from core.lending.disclosure.disclosures import Disclosure, Form
from core.lending.states import LoanStatus
from core.reporting.loan_statement import LoanStatement, StatementLine


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
    the European Union's; a rate above 1,000,000,000 % is null.
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
    apr: Percent | None
    ear: Percent | None
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


class LoanPostingAnswer(ViewAnswer):
    """One leg: an account's number, or a ledger account by code and name. A credit is positive."""

    ledger_code: str | None
    account: str
    amount: Money


class LoanEntryAnswer(ViewAnswer):
    """What was booked at once. ``principal``, ``interest`` and ``charges`` say by how much more is
    owed of each; ``paid`` is what accounts of customers paid, negative where they received.

    ``interest_earned`` has no transaction of its own: it is the loan's part of the days' entries
    for all loans, which ``GET /loans/{loan_id}/accruals`` names one by one.
    """

    transaction_id: UUID | None
    type: str
    description: str
    value_date: date | None
    accounting_date: date
    booked_at: datetime | None
    paid: Money
    principal: Money
    interest: Money
    charges: Money
    principal_balance: Money
    postings: list[LoanPostingAnswer]

    @classmethod
    def made_of(cls, line: StatementLine, currency: str) -> "LoanEntryAnswer":
        """The answer of a statement's line."""
        legs = [LoanPostingAnswer.of(leg, currency) for leg in line.entry.postings]
        balance = to_major(line.balance_minor, currency)
        return cls.of(line.entry, currency, principal_balance=balance, postings=legs)


class LoanStatementAnswer(ViewAnswer):
    """A loan's statement of account, by accounting dates; the items add up from what was owed at
    the opening to what is owed at the closing."""

    loan_id: UUID
    currency: str
    since: Annotated[date, Field(serialization_alias="from")]
    until: Annotated[date, Field(serialization_alias="to")]
    opening_principal: Money
    opening_interest: Money
    opening_charges: Money
    closing_principal: Money
    closing_interest: Money
    closing_charges: Money
    items: list[LoanEntryAnswer]

    @classmethod
    def made_of(cls, found: LoanStatement) -> "LoanStatementAnswer":
        """The answer of a statement."""
        items = [LoanEntryAnswer.made_of(line, found.currency) for line in found.lines]
        return cls.of(found, items=items)


class CertificateAnswer(ViewAnswer):
    """What was paid on a loan in a year."""

    loan_id: UUID
    currency: str
    since: Annotated[date, Field(serialization_alias="from")]
    until: Annotated[date, Field(serialization_alias="to")]
    principal: Money
    interest: Money
    charges: Money
    recovered: Money
    outstanding: Money


class NoDuesAnswer(ViewAnswer):
    """That nothing is owed on a loan any more."""

    loan_id: UUID
    status: LoanStatus
    borrower: str
    amount: Money
    currency: str
    disbursed_on: date
    ended_on: date | None
    issued_on: date
