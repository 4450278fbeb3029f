"""Amortisation: how a loan is repaid, to the last minor unit.

A loan of P over n periods with interest r_k in period k is repaid by equal instalments of

    EMI = P / Σ_k Π_{i<=k} 1 / (1 + r_i)

which for equal periods is P·r·(1+r)^n / ((1+r)^n - 1), and P/n without interest. Each instalment
pays the period's interest on the opening balance first, and principal with the rest; the last one
pays what is left. So much for `reducing`. A `flat` loan charges the interest of the whole loan in
every period, P·r·t in all; `equal_principal` repays P/n each time and the interest that has become
due; `bullet` pays interest all along and the loan at the end.

**Time.** r_k is the annual rate times the part of a year that the period is (`day_count`): whole
months over 12 under 30/360, otherwise actual days over 365, 364 (52 weeks), 360, or the year's own
length with the year ending on 31 December. A part of a month under 30/360 is its actual days over
the month's. Due dates keep their anchor day through short months (`due_dates`). A first period
longer or shorter than the others pays for its own days, in the first instalment.

**Rounding.** Arithmetic is in integers and fractions; what rounds is the instalment, to the
product's unit, and the interest of each period, to the minor unit, both in the product's mode.
Every instalment is kept: one that rounding up would leave nothing to repay makes the EMI round to
the minor unit instead (`equal_part`). Smoothing moves the EMI once by gap/n where the last
instalment differs from the others by more than n/2 minor units.

**Breathing space.** During a `moratorium` an instalment is interest alone, and the EMI repays the
loan over what is left. During an `interest_moratorium` interest is earned but not asked for; it
falls due with the first paying instalment and earns no interest itself: within the EMI where the
EMI was paid meanwhile, all of it as principal, and the EMI can hold it; on top of the EMI
otherwise. During an interest pause, first and last day included, no interest is earned, and the
EMI stays.

**Changes.** A prepayment shortens the tenor at the same EMI or lowers the EMI over the same tenor
(`generate` for a quote, `reschedule` for a loan under way). A restructured loan is a new loan over
the balance of the day: `generate` with new terms.

**Fees.** A fee is flat, a share of what it is charged on, or both, with tax on top (`fees`). Those
of the instalments stand in the schedule, beside principal and interest, and are part of what an
instalment asks; the EMI is without them.

**Cost.** The APR is the regulator's: Regulation Z, Appendix J, the fee taken from what the customer
receives (`apr`). The effective annual rate is the European Union's (`effective`).

The conventions are Apache Fineract's (progressive loans) wherever the textbook leaves a choice; the
tests hold the package against Fineract's published tables and Appendix J's worked examples. Nothing
here reads a clock, a setting or a store. Terms that make no sense raise `TermsError`.
"""

from core.lending.amortisation.apr import annual_percentage_rate
from core.lending.amortisation.day_count import Period, periods
from core.lending.amortisation.due_dates import add_months, due_dates
from core.lending.amortisation.effective import Interval, effective_annual_rate
from core.lending.amortisation.fees import NO_FEE, Fee, fee_of, fees_of
from core.lending.amortisation.instalment import level_instalment, present_value
from core.lending.amortisation.quote import Quote, apr, ear, finance_charge_minor, quote
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
    FeeRule,
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
from core.lending.amortisation.yearly_rate import HIGHEST_PERCENT

__all__ = [
    "BIWEEKLY",
    "FREQUENCIES",
    "HALF_YEARLY",
    "HIGHEST_PERCENT",
    "MONTHLY",
    "NO_FEE",
    "QUARTERLY",
    "SEMIMONTHLY",
    "WEEKLY",
    "DayCount",
    "Fee",
    "FeeRule",
    "Frequency",
    "Instalment",
    "InterestPause",
    "Interval",
    "Method",
    "Period",
    "Prepayment",
    "PrepaymentMode",
    "Quote",
    "Rounding",
    "Schedule",
    "Terms",
    "TermsError",
    "Unit",
    "add_months",
    "annual_percentage_rate",
    "apr",
    "due_dates",
    "ear",
    "effective_annual_rate",
    "fee_of",
    "fees_of",
    "finance_charge_minor",
    "generate",
    "instalments_for_months",
    "level_instalment",
    "periods",
    "present_value",
    "quote",
    "reschedule",
]
