"""What a loan's schedule is computed from: the product's terms, and these figures."""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.lending.amortisation import Schedule, Terms, generate
from core.lending.origination.fees import instalment_rules
from core.lending.origination.products import ProductTerms


@dataclass(frozen=True, slots=True)
class Basis:
    """What a schedule was computed from; instalment numbers begin at ``first_number``."""

    start: date
    principal: int
    rate: Decimal
    instalments: int
    first_number: int = 1

    @classmethod
    def from_json(cls, text: str) -> "Basis":
        """The basis as it stands on the loan."""
        data = json.loads(text)
        return cls(
            date.fromisoformat(data["start"]),
            data["principal"],
            Decimal(data["rate"]),
            data["instalments"],
            data["first_number"],
        )

    def to_json(self) -> str:
        """The basis as it is stored on the loan."""
        return json.dumps(
            {
                "start": self.start.isoformat(),
                "principal": self.principal,
                "rate": str(self.rate),
                "instalments": self.instalments,
                "first_number": self.first_number,
            }
        )

    def terms(self, product: ProductTerms, currency: str, fee: int = 0) -> Terms:
        """The amortisation's terms. Raises TermsError where they make no schedule."""
        return Terms(
            principal_minor=self.principal,
            annual_rate=self.rate,
            instalments=self.instalments,
            start_date=self.start,
            method=product.method,
            frequency=product.schedule_frequency(),
            day_count=product.day_count,
            rounding=product.rounding,
            rounding_unit_minor=product.rounding_unit_minor(currency),
            smoothing=product.smoothing,
            moratorium=self._grace(product, product.moratorium_months),
            interest_moratorium=self._grace(product, product.interest_moratorium_months),
            fee_minor=fee,
            instalment_fees=instalment_rules(product, currency),
        )

    def project(self, product: ProductTerms, currency: str, fee: int) -> Schedule:
        """The schedule that a loan not yet disbursed would have. Raises TermsError."""
        return generate(self.terms(product, currency, fee))

    def _grace(self, product: ProductTerms, months: int) -> int:
        """A moratorium of ``months`` in instalments; a schedule that replaces another has none."""
        if months == 0 or self.first_number > 1:
            return 0
        return min(product.instalments(months), self.instalments - 1)
