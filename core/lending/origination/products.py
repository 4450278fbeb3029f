"""What the bank lends on: a product's limits, schedule, fees and policies.

A loan takes a copy of its product's terms when it is applied for and keeps it for life.
Amounts are in major units of the loan's currency, rates and shares in percent.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from core.foundation.errors import (
    CapReached,
    InvalidLoanTerms,
    LoanNotEligible,
    LoanStateConflict,
)
from core.foundation.money import exponent
from core.lending.amortisation import (
    FREQUENCIES,
    DayCount,
    Frequency,
    Method,
    Rounding,
    TermsError,
    Unit,
    instalments_for_months,
)
from core.lending.origination.charges import MAX_CHARGES, ChargeTerms, Share

Amount = Annotated[Decimal, Field(ge=0, le=10**13)]
Days = Annotated[int, Field(strict=True, ge=0, le=3650)]
Months = Annotated[int, Field(strict=True, ge=1, le=600)]
GraceMonths = Annotated[int, Field(strict=True, ge=0, le=120)]
Flag = Annotated[bool, Strict()]


class Every(BaseModel):
    """A frequency of its own: one instalment every ``every`` days or months."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: Annotated[int, Field(strict=True, ge=1, le=366)]
    unit: Literal["days", "months"]


FrequencySpec = (
    Literal["monthly", "semimonthly", "weekly", "biweekly", "quarterly", "half_yearly"] | Every
)


@dataclass(frozen=True, slots=True)
class BucketEdges:
    """The last day past due of SMA-0, SMA-1 and SMA-2; later than the last is NPA."""

    sma0_to: int = 30
    sma1_to: int = 60
    sma2_to: int = 90

    def __post_init__(self) -> None:
        if not 0 < self.sma0_to < self.sma1_to < self.sma2_to:
            raise ValueError("the bucket edges must rise")


class NpaIncome(StrEnum):
    """What becomes of a non-performing loan's income until it is received.

    ``suspense``: all of it stands in suspense, what was booked before and is unpaid as well
    (Reserve Bank of India). ``net``: interest is income but for the share of the allowance, from
    then on (IFRS 9, 5.4.1(b): interest on the amount net of the loss allowance).
    """

    SUSPENSE = "suspense"
    NET = "net"


class ProductTerms(BaseModel):
    """Everything about a product that a loan keeps a copy of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Limits
    min_amount: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    max_amount: Amount = Decimal(10_000_000)
    min_tenure_months: Months = 1
    max_tenure_months: Months = 360
    min_rate: Annotated[Decimal, Field(ge=0, le=1000)] = Decimal(0)
    max_rate: Annotated[Decimal, Field(ge=0, le=1000)] = Decimal(60)
    default_rate: Annotated[Decimal, Field(ge=0, le=1000)] = Decimal(12)
    default_tenure_months: Months = 12

    # Schedule
    method: Method = Method.REDUCING
    frequency: FrequencySpec = "monthly"
    day_count: DayCount = DayCount.THIRTY_360
    rounding: Rounding = Rounding.HALF_UP
    rounding_unit: Annotated[Decimal, Field(gt=0)] | None = None
    smoothing: Flag = False
    moratorium_months: GraceMonths = 0
    interest_moratorium_months: GraceMonths = 0

    # Fees and charges
    processing_fee: Amount = Decimal(0)
    processing_fee_percent: Share = Decimal(0)
    foreclosure_fee_percent: Share = Decimal(0)
    fee_tax_percent: Share = Decimal(0)  # on the processing and the foreclosure fee
    charges: Annotated[tuple[ChargeTerms, ...], Field(max_length=MAX_CHARGES)] = ()
    grace_days: Days = 3
    late_fee: Amount = Decimal(0)
    late_fee_percent: Share = Decimal(1)
    penal_rate: Share = Decimal(6)
    overdue_interest: Flag = True
    withdrawal_days: Days = 0  # after the disbursement, in which ending the loan costs no fee

    # Payments and collection
    interest_first: Flag = False
    partial_collection: Flag = True
    collect_from_overdraft: Flag = False
    retry_days: tuple[Annotated[int, Field(strict=True, ge=1, le=60)], ...] = (1, 3, 7)

    # Delinquency and recovery, in days past due; "past" a threshold is one day more
    sma0_to: Days = 30
    sma1_to: Days = 60
    npa_after_dpd: Days = 90
    default_after_dpd: Days = 90
    set_off: Flag = True
    set_off_after_days: Days = 0
    write_off_after_dpd: Days = 180
    max_restructurings: Annotated[int, Field(strict=True, ge=0, le=100)] = 2

    # Restructuring: how long a loan performs before it is upgraded
    specified_period_days: Days = 365

    # Income while non-performing
    npa_income: NpaIncome = NpaIncome.SUSPENSE
    npa_allowance_percent: Annotated[int, Field(strict=True, ge=0, le=100)] = 50

    @model_validator(mode="after")
    def _limits_hold_each_other(self) -> Self:
        if not self.min_amount <= self.max_amount:
            raise ValueError("min_amount is above max_amount")
        if not self.min_tenure_months <= self.default_tenure_months <= self.max_tenure_months:
            raise ValueError("default_tenure_months lies outside the limits")
        if not self.min_rate <= self.default_rate <= self.max_rate:
            raise ValueError("default_rate lies outside the limits")
        if list(self.retry_days) != sorted(set(self.retry_days)):
            raise ValueError("retry_days must rise")
        if len({charge.code for charge in self.charges}) < len(self.charges):
            raise ValueError("two charges have the same code")
        self.bucket_edges()
        self.schedule_frequency()
        return self

    def schedule_frequency(self) -> Frequency:
        """The frequency as the amortisation reads it."""
        return frequency_of(self.frequency)

    def instalments(self, tenure_months: int) -> int:
        """How many instalments ``tenure_months`` make. Raises TermsError where they do not fit."""
        count = instalments_for_months(
            self.schedule_frequency(), tenure_months, field_name="tenure_months"
        )
        if count < 1:
            raise TermsError("tenure_months", "the tenure is shorter than one instalment's period")
        return count

    def refuse_rate(self, rate: Decimal) -> None:
        """Raise LoanNotEligible for a rate that the product does not lend at."""
        if not self.min_rate <= rate <= self.max_rate:
            raise LoanNotEligible(
                f"this product's rate is {self.min_rate:f} to {self.max_rate:f} percent a year"
            )

    def refuse_tenure(self, months: int, *, least: int | None = None) -> None:
        """Raise LoanNotEligible for a tenure that the product does not run.

        ``least`` stands in for the product's minimum: what is left of a loan may be shorter.
        """
        least = self.min_tenure_months if least is None else least
        if not least <= months <= self.max_tenure_months:
            raise LoanNotEligible(f"this product runs {least} to {self.max_tenure_months} months")

    def with_charge(self, charge: ChargeTerms) -> Self:
        """These terms and one more charge, checked as a whole.

        Raises LoanStateConflict for a code that they have, CapReached for one charge too many.
        """
        if any(each.code == charge.code for each in self.charges):
            raise LoanStateConflict(f"{charge.code} is charged on this loan already")
        if len(self.charges) >= MAX_CHARGES:
            raise CapReached(f"a loan has at most {MAX_CHARGES} charges at its moments")
        return self.model_validate({**self.model_dump(), "charges": (*self.charges, charge)})

    def bucket_edges(self) -> BucketEdges:
        """Where the asset classes begin."""
        return BucketEdges(self.sma0_to, self.sma1_to, self.npa_after_dpd)

    def rounding_unit_minor(self, currency: str) -> int:
        """The unit to which instalments round, at least the currency's minor unit."""
        if self.rounding_unit is None:
            return 1
        return max(1, rounded_minor(self.rounding_unit, currency))


@lru_cache(maxsize=256)
def parse_terms(text: str) -> ProductTerms:
    """The terms that a product or a loan carries, from the text of their JSON."""
    return ProductTerms.model_validate_json(text)


def no_schedule(error: TermsError) -> InvalidLoanTerms:
    """The refusal of terms that make no schedule, with the field at fault."""
    fault = {"field": error.field, "message": error.message, "code": InvalidLoanTerms.code}
    return InvalidLoanTerms(error.message, [fault])


def frequency_of(spec: FrequencySpec) -> Frequency:
    """The amortisation's frequency for a name or an ``Every``."""
    if isinstance(spec, Every):
        return Frequency(spec.every, Unit.DAYS if spec.unit == "days" else Unit.MONTHS)
    return FREQUENCIES[spec]


def share(amount_minor: int, percent: Decimal) -> int:
    """``percent`` of ``amount_minor``, half up."""
    return int((amount_minor * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))


def rounded_minor(amount: Decimal, currency: str) -> int:
    """An amount of a product, in major units of any currency, in minor units of this one."""
    return int(amount.scaleb(exponent(currency)).quantize(Decimal(1), ROUND_HALF_UP))
