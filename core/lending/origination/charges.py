"""What a product charges beside interest: fees of its own making, each at a moment, and their tax.

A charge is flat, a percentage, or both. What a percentage is of hangs on the moment: at disbursal
the loan, with an instalment its principal and interest, on an overdue instalment what is unpaid of
those two, on ending early the principal that was not due yet. The tax comes on top, half up, and is
asked with the fee.

Penal charges and the late fee are no such charges and bear no tax (India: Central Board of Indirect
Taxes and Customs, Circular 245/02/2025-GST of 28 January 2025). What is taxed on an overdue
instalment is a charge of the moment ``overdue``.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_CHARGES: Final = 20
# Of rates and shares, so that what they make in a day is a ratio of whole numbers.
RATE_DECIMALS: Final = 6

Share = Annotated[Decimal, Field(ge=0, le=100, decimal_places=RATE_DECIMALS)]


class When(StrEnum):
    """The moment at which a charge is asked."""

    DISBURSAL = "disbursal"
    INSTALMENT = "instalment"
    OVERDUE = "overdue"
    FORECLOSURE = "foreclosure"


class ChargeTerms(BaseModel):
    """One charge of a product or of a loan; the amount in major units, shares in percent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    when: When
    amount: Annotated[Decimal, Field(ge=0, le=10**13)] = Decimal(0)
    percent: Share = Decimal(0)
    tax_percent: Share = Decimal(0)

    @model_validator(mode="after")
    def _charges_something(self) -> Self:
        if not self.amount and not self.percent:
            raise ValueError("a charge has an amount or a percentage")
        return self
