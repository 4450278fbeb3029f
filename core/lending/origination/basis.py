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
    """What a schedule was computed from; instalment numbers begin at ``first_number``.

    ``part`` is the equal part that its instalments have now (see ``Schedule``), ``left`` how many
    instalments a prepayment has left of it, None where none has taken any away. ``grace``: it has
    the product's moratoria, as no schedule has that replaces another.
    """

    start: date
    principal: int
    rate: Decimal
    instalments: int
    first_number: int = 1
    part: int | None = None
    left: int | None = None
    grace: bool = True

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
            data["part"],
            data["left"],
            data["grace"],
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
                "part": self.part,
                "left": self.left,
                "grace": self.grace,
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
        """A moratorium of ``months`` in instalments."""
        if months == 0 or not self.grace:
            return 0
        return min(product.instalments(months), self.instalments - 1)
