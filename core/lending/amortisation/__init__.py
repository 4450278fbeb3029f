"""Amortisation: how a loan is repaid, exactly."""

from core.lending.amortisation.accrual import Payoff, accrued_interest, payoff
from core.lending.amortisation.apr import annual_percentage_rate
from core.lending.amortisation.day_count import Period, periods
from core.lending.amortisation.due_dates import add_months, due_dates
from core.lending.amortisation.instalment import level_instalment, present_value
from core.lending.amortisation.quote import Quote, apr, quote
from core.lending.amortisation.schedule import Instalment, Schedule, generate, reschedule
from core.lending.amortisation.terms import (
    BIWEEKLY,
    FREQUENCIES,
    HALF_YEARLY,
    MONTHLY,
    QUARTERLY,
    SEMIMONTHLY,
    WEEKLY,
    DayCount,
    Frequency,
    InterestPause,
    Method,
    Prepayment,
    PrepaymentMode,
    Rounding,
    Terms,
    TermsError,
    Unit,
    instalments_for_months,
)

__all__ = [
    "BIWEEKLY",
    "FREQUENCIES",
    "HALF_YEARLY",
    "MONTHLY",
    "QUARTERLY",
    "SEMIMONTHLY",
    "WEEKLY",
    "DayCount",
    "Frequency",
    "Instalment",
    "InterestPause",
    "Method",
    "Payoff",
    "Period",
    "Prepayment",
    "PrepaymentMode",
    "Quote",
    "Rounding",
    "Schedule",
    "Terms",
    "TermsError",
    "Unit",
    "accrued_interest",
    "add_months",
    "annual_percentage_rate",
    "apr",
    "due_dates",
    "generate",
    "instalments_for_months",
    "level_instalment",
    "payoff",
    "periods",
    "present_value",
    "quote",
    "reschedule",
]
