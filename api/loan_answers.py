"""Loans, schedules and cases as they are answered."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from api.schemas.loans import MAX_QUOTE_INSTALMENTS, QuoteRequest
from core.foundation.errors import Invalid
from core.foundation.money import minor_units, to_major
from core.lending.amortisation import (
    InterestPause,
    Prepayment,
    Quote,
    Terms,
    TermsError,
    instalments_for_months,
)
from core.lending.collections.recovery import CaseView
from core.lending.origination.products import frequency_of, no_schedule
from core.lending.servicing.payoff import Payoff
from core.lending.servicing.views import LineView, LoanView, ScheduleView

# A prepayment lays every later instalment out anew; a quote is public and must stay cheap.
MAX_QUOTE_ROWS: Final = 5_000


def plain(number: Decimal) -> Decimal:
    """The number without trailing zeros and without an exponent."""
    return Decimal(f"{number.normalize():f}")


def loan_answer(view: LoanView) -> dict[str, Any]:
    """The fields of a LoanAnswer."""
    currency = view.currency
    return {
        "loan_id": view.id,
        "user_id": view.user_id,
        "status": view.status,
        "product": view.product_code,
        "amount": to_major(view.amount_minor, currency),
        "currency": currency,
        "interest_rate": plain(view.interest_rate),
        "tenure_months": view.tenure_months,
        "method": view.terms.method,
        "purpose": view.purpose,
        "account_id": view.account_id,
        "emi": to_major(view.emi_minor, currency),
        "outstanding_principal": to_major(view.principal_outstanding_minor, currency),
        "next_due_date": view.next_due_date,
        "next_due_amount": _money(view.next_due_minor, currency),
        "overdue_amount": to_major(view.overdue_minor, currency),
        "dpd": view.dpd,
        "classification": view.classification,
        "in_default": view.in_default,
        "processing_fee": to_major(view.processing_fee_minor, currency),
        "applied_at": view.applied_at,
        "decided_at": view.decided_at,
        "disbursed_at": view.disbursed_at,
        "closed_at": view.closed_at,
        "disbursement_transaction_id": view.disbursement_transaction_id,
        "disbursement_failure": view.disbursement_failure,
        "rejection_reason": view.rejection_reason,
    }


def assessment_answer(view: LoanView) -> dict[str, Any]:
    """The fields of an AssessmentAnswer."""
    known = view.assessment
    return {
        "score": known["score"],
        "foir": None if known["foir"] is None else plain(Decimal(known["foir"])),
        "max_eligible_amount": to_major(known["max_eligible_minor"], view.currency),
        "recommendation": known["recommendation"],
        "reasons": known["reasons"],
        "assessed_on": known["assessed_on"],
    }


def payoff_answer(owed: Payoff, currency: str) -> dict[str, Any]:
    """The fields of a PayoffAnswer."""
    return {
        "on": owed.on,
        "principal": to_major(owed.principal, currency),
        "interest": to_major(owed.interest, currency),
        "penalty": to_major(owed.penalty, currency),
        "fees": to_major(owed.fees, currency),
        "total": to_major(owed.total, currency),
        "currency": currency,
    }


def recovery_answer(
    loan_id: UUID, case: CaseView, transaction_ids: Sequence[UUID] = ()
) -> dict[str, Any]:
    """The fields of a RecoveryAnswer."""
    return {
        "case_id": case.id,
        "loan_id": loan_id,
        "stage": case.stage,
        "opened_at": case.opened_at,
        "closed_at": case.closed_at,
        "officer": case.officer_id,
        "history": [
            {
                "at": step["at"],
                "actor": step["actor"],
                "actor_id": step["actor_id"],
                "action": step["action"],
                "detail": step["detail"],
            }
            for step in case.history
        ],
        "transaction_ids": list(transaction_ids),
    }


def schedule_answer(view: ScheduleView) -> dict[str, Any]:
    """The fields of a ScheduleAnswer, for a real loan."""
    currency = view.currency
    return {
        "amount": to_major(view.amount_minor, currency),
        "currency": currency,
        "interest_rate": plain(view.interest_rate),
        "tenure_months": view.tenure_months,
        "method": view.terms.method,
        "frequency": view.terms.frequency,
        "day_count": view.terms.day_count,
        "emi": to_major(view.emi_minor, currency),
        "total_interest": to_major(view.total_interest_minor, currency),
        "total_payable": to_major(view.total_payable_minor, currency),
        "apr": plain(view.apr),
        "instalments": [_line(line, currency) for line in view.lines],
    }


def quote_terms(asked: QuoteRequest, currency: str, today: date) -> Terms:
    """The terms that are asked. Raises InvalidLoanTerms with the field at fault."""
    try:
        return _terms(asked, currency, today)
    except TermsError as error:
        raise no_schedule(error) from error


def quote_answer(asked: QuoteRequest, currency: str, found: Quote) -> dict[str, Any]:
    """The whole schedule of the terms asked."""
    return {
        "amount": plain(asked.amount),
        "currency": currency,
        "interest_rate": plain(asked.interest_rate),
        "tenure_months": asked.tenure_months,
        "method": asked.method,
        "frequency": asked.frequency,
        "day_count": asked.day_count,
        "emi": to_major(found.emi_minor, currency),
        "total_interest": to_major(found.total_interest_minor, currency),
        "total_payable": to_major(found.total_payable_minor, currency),
        "apr": plain(found.apr),
        "instalments": _quoted(found, currency),
    }


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
    return Terms(
        principal_minor=minor_units("amount", asked.amount, currency),
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
        fee_minor=minor_units("fee", asked.fee, currency),
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


def _quoted(found: Quote, currency: str) -> list[dict[str, Any]]:
    return [
        {
            "number": row.number,
            "due_date": row.due_date,
            "opening_balance": to_major(row.opening_balance_minor, currency),
            "principal": to_major(row.principal_minor - row.prepayment_minor, currency),
            "interest": to_major(row.interest_minor, currency),
            "fee": to_major(row.fee_minor, currency),
            "penalty": Decimal(0),
            "total": to_major(row.total_minor - row.prepayment_minor, currency),
            "prepaid": to_major(row.prepayment_minor, currency),
            "balance": to_major(row.balance_minor, currency),
        }
        for row in found.schedule.instalments
    ]


def _line(view: LineView, currency: str) -> dict[str, Any]:
    line, asked = view.line, view.line.asked
    return {
        "number": line.number,
        "due_date": line.due_date,
        "opening_balance": to_major(line.opening, currency),
        "principal": to_major(asked.principal - line.prepaid, currency),
        "interest": to_major(asked.interest, currency),
        "fee": to_major(asked.fee, currency),
        "penalty": to_major(asked.penalty, currency),
        "total": to_major(asked.total - line.prepaid, currency),
        "prepaid": to_major(line.prepaid, currency),
        "balance": to_major(line.opening - asked.principal, currency),
        "paid": to_major(line.paid.total - line.prepaid, currency),
        "status": view.status,
    }


def _money(amount_minor: int | None, currency: str) -> Decimal | None:
    return None if amount_minor is None else to_major(amount_minor, currency)
