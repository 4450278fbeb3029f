"""Quotes and schedules on the wire."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from api.http.strict_json import Body, example
from api.schemas.answers import ViewAnswer
from api.schemas.charges import PercentField, QuoteCharge, instalment_rules, withheld
from api.schemas.fields import (
    Amount,
    AmountOrZero,
    CurrencyCode,
    Flag,
    IsoDate,
    Money,
)
from api.schemas.terms import (
    MAX_QUOTE_INSTALMENTS,
    Count,
    Months,
    Percent,
    QuoteCount,
    Rate,
    RoundingUnit,
)
from core.foundation.errors import Invalid
from core.foundation.money import minor_units
from core.lending.amortisation import (
    DayCount,
    FeeRule,
    InterestPause,
    Method,
    Prepayment,
    PrepaymentMode,
    Quote,
    Rounding,
    Terms,
    TermsError,
    fee_of,
    instalments_for_months,
)
from core.lending.origination.charges import MAX_CHARGES
from core.lending.origination.products import FrequencySpec, frequency_of, no_schedule
from core.lending.servicing.schedule_views import LineView, ScheduleView

# A prepayment lays every later instalment out anew; a quote is public and must stay cheap.
MAX_QUOTE_ROWS: Final = 5_000


class QuotePrepayment(Body):
    """Principal paid ahead of time together with instalment ``number``."""

    number: QuoteCount
    amount: Amount
    mode: PrepaymentMode = PrepaymentMode.REDUCE_TENURE


class QuotePause(Body):
    """Days without interest, both included."""

    first: Annotated[IsoDate, Field(alias="from")]
    last: Annotated[IsoDate, Field(alias="to")]


def _one_count(given: str, left_out: str) -> dict[str, Any]:
    """A quote's length is said in months or in instalments, in one of the two."""
    kinds = {given: {"type": "integer"}, left_out: {"type": "null"}}
    return {"required": [given], "properties": kinds}


class QuoteRequest(Body):
    """Terms of a loan to look at; nothing is stored."""

    model_config = example(
        {"amount": 10000, "interest_rate": 12, "tenure_months": 12},
        oneOf=[
            _one_count("tenure_months", "number_of_instalments"),
            _one_count("number_of_instalments", "tenure_months"),
        ],
    )
    amount: Amount
    interest_rate: Rate
    tenure_months: Months | None = None
    number_of_instalments: (
        Annotated[int, Field(strict=True, ge=1, le=MAX_QUOTE_INSTALMENTS)] | None
    ) = None
    currency: CurrencyCode | None = None
    start_date: IsoDate | None = None
    first_due_date: IsoDate | None = None
    method: Method = Method.REDUCING
    frequency: FrequencySpec = "monthly"
    day_count: DayCount = DayCount.THIRTY_360
    rounding: Rounding = Rounding.HALF_UP
    rounding_unit: RoundingUnit | None = None
    smoothing: Flag = False
    moratorium_months: Count = 0
    interest_moratorium_months: Count = 0
    fee: AmountOrZero = Decimal(0)
    fee_tax_percent: PercentField = Decimal(0)
    charges: Annotated[list[QuoteCharge], Field(max_length=MAX_CHARGES)] = Field([])
    prepayments: Annotated[list[QuotePrepayment], Field(max_length=100)] = Field([])
    interest_pauses: Annotated[list[QuotePause], Field(max_length=100)] = Field([])


class QuotedInstalment(ViewAnswer):
    """One instalment of a quote."""

    number: int
    due_date: date
    opening_balance: Money
    principal: Money
    interest: Money
    fee: Money
    penalty: Money
    total: Money
    prepaid: Money
    balance: Money


class InstalmentAnswer(QuotedInstalment):
    """One instalment of a schedule or quote; ``prepaid`` is principal paid ahead of time with it,
    beside what the instalment asks."""

    paid: Money | None = None
    status: Literal["due", "paid", "partial", "overdue", "future"] | None = None


class ScheduleAnswer(ViewAnswer):
    """A schedule; ``paid`` and ``status`` of its instalments on a real loan only.

    ``finance_charge`` is what the loan costs beside its repayment, ``apr`` the annual percentage
    rate of Regulation Z, ``ear`` the effective annual rate of Directive 2008/48/EC; in all three
    the fee counts. A rate above 1,000,000,000 % is null.
    """

    amount: Money
    currency: str
    interest_rate: Percent
    tenure_months: int | None
    method: Method
    frequency: FrequencySpec
    day_count: DayCount
    emi: Money
    total_interest: Money
    total_payable: Money
    finance_charge: Money
    apr: Percent | None
    ear: Percent | None
    instalments: list[InstalmentAnswer]


def schedule_answer(view: ScheduleView) -> ScheduleAnswer:
    """The schedule of a loan."""
    rows = [InstalmentAnswer.of(line, view.currency) for line in view.lines]
    return ScheduleAnswer.of(view, instalments=rows)


def quote_answer(asked: QuoteRequest, terms: Terms, currency: str, found: Quote) -> ScheduleAnswer:
    """The whole schedule of the terms asked."""
    view = ScheduleView(
        amount_minor=terms.principal_minor,
        currency=currency,
        interest_rate=asked.interest_rate,
        tenure_months=asked.tenure_months,
        method=asked.method,
        frequency=asked.frequency,
        day_count=asked.day_count,
        emi_minor=found.emi_minor,
        finance_charge_minor=found.finance_charge_minor,
        apr=found.apr,
        ear=found.ear,
        lines=[LineView.planned(row) for row in found.schedule.instalments],
    )
    rows = [QuotedInstalment.of(line, currency) for line in view.lines]
    return ScheduleAnswer.of(view, instalments=rows)


def quote_terms(asked: QuoteRequest, currency: str, today: date) -> Terms:
    """The terms that are asked. Raises InvalidLoanTerms with the field at fault."""
    try:
        return _terms(asked, currency, today)
    except TermsError as error:
        raise no_schedule(error) from error


def _terms(asked: QuoteRequest, currency: str, today: date) -> Terms:
    frequency = frequency_of(asked.frequency)

    def in_instalments(months: int, field: str) -> int:
        return instalments_for_months(frequency, months, field_name=field) if months else 0

    if (asked.tenure_months is None) == (asked.number_of_instalments is None):
        message = "either tenure_months or number_of_instalments is needed"
        raise Invalid(message, [{"field": "tenure_months", "message": message, "code": "missing"}])
    count = asked.number_of_instalments
    if count is None:
        count = in_instalments(asked.tenure_months or 0, "tenure_months")
    if count > MAX_QUOTE_INSTALMENTS:
        message = f"a quote has at most {MAX_QUOTE_INSTALMENTS} instalments"
        field = "tenure_months" if asked.tenure_months else "number_of_instalments"
        raise Invalid(message, [{"field": field, "message": message, "code": "too_long"}])
    if count * (1 + len(asked.prepayments)) > MAX_QUOTE_ROWS:
        message = "so many prepayments of so many instalments are too much for a quote"
        raise Invalid(message, [{"field": "prepayments", "message": message, "code": "too_long"}])
    unit = 1
    if asked.rounding_unit is not None:
        unit = minor_units("rounding_unit", asked.rounding_unit, currency)
    amount_minor = minor_units("amount", asked.amount, currency)
    return Terms(
        principal_minor=amount_minor,
        annual_rate=asked.interest_rate,
        instalments=count,
        start_date=asked.start_date or today,
        first_due_date=asked.first_due_date,
        method=asked.method,
        frequency=frequency,
        day_count=asked.day_count,
        rounding=asked.rounding,
        rounding_unit_minor=unit,
        smoothing=asked.smoothing,
        moratorium=in_instalments(asked.moratorium_months, "moratorium_months"),
        interest_moratorium=in_instalments(
            asked.interest_moratorium_months, "interest_moratorium_months"
        ),
        fee_minor=_taken_from_disbursement(asked, amount_minor, currency),
        instalment_fees=instalment_rules(asked.charges, currency),
        prepayments=tuple(
            Prepayment(
                each.number,
                minor_units(f"prepayments.{index}.amount", each.amount, currency),
                each.mode,
            )
            for index, each in enumerate(asked.prepayments)
        ),
        interest_pauses=tuple(
            InterestPause(pause.first, pause.last) for pause in asked.interest_pauses
        ),
    )


def _taken_from_disbursement(asked: QuoteRequest, amount_minor: int, currency: str) -> int:
    """The fee with its tax, and the charges of the moment."""
    own = FeeRule(minor_units("fee", asked.fee, currency), tax_percent=asked.fee_tax_percent)
    return (fee_of(own, 0) + withheld(asked.charges, amount_minor, currency)).total_minor
