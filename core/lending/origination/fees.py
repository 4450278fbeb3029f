"""What a product's terms ask as fees at each moment, in minor units of a currency.

The terms' own fields for a processing and a foreclosure fee come first, then the charges of the
moment, in the order in which the product lists them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from core.lending.amortisation import NO_FEE, Fee, FeeRule, fee_of
from core.lending.origination.charges import ChargeTerms, When
from core.lending.origination.products import ProductTerms, rounded_minor


@dataclass(frozen=True, slots=True)
class NamedFee:
    """One fee as it is shown."""

    code: str
    name: str
    fee: Fee


def disbursal_fees(terms: ProductTerms, amount_minor: int, currency: str) -> list[NamedFee]:
    """What is taken from the disbursement of ``amount_minor``."""
    own = FeeRule(
        rounded_minor(terms.processing_fee, currency),
        terms.processing_fee_percent,
        terms.fee_tax_percent,
    )
    fees = [NamedFee("processing_fee", "Processing fee", fee_of(own, amount_minor))]
    return _asked(fees + _of(terms, When.DISBURSAL, amount_minor, currency))


def foreclosure_fees(terms: ProductTerms, principal_minor: int, currency: str) -> list[NamedFee]:
    """What ending a loan early costs on the principal that was not due yet."""
    own = FeeRule(0, terms.foreclosure_fee_percent, terms.fee_tax_percent)
    fees = [NamedFee("foreclosure_fee", "Foreclosure fee", fee_of(own, principal_minor))]
    if not principal_minor:
        return []
    return _asked(fees + _of(terms, When.FORECLOSURE, principal_minor, currency))


def overdue_fees(terms: ProductTerms, overdue_minor: int, currency: str) -> list[NamedFee]:
    """What an overdue instalment is charged once, on its unpaid principal and interest."""
    return _asked(_of(terms, When.OVERDUE, overdue_minor, currency))


def instalment_rules(terms: ProductTerms, currency: str) -> tuple[FeeRule, ...]:
    """What every instalment is charged."""
    return tuple(rule_of(each, currency) for each in terms.charges if each.when is When.INSTALMENT)


def rule_of(charge: ChargeTerms, currency: str) -> FeeRule:
    """How the charge is computed in a currency; a flat amount rounds to its minor unit."""
    return FeeRule(rounded_minor(charge.amount, currency), charge.percent, charge.tax_percent)


def sum_of(fees: Iterable[NamedFee]) -> Fee:
    """All of them together."""
    return sum((each.fee for each in fees), NO_FEE)


def withheld(terms: ProductTerms, amount_minor: int, currency: str) -> Fee:
    """All that is taken from the disbursement; less than all of it."""
    fee = sum_of(disbursal_fees(terms, amount_minor, currency))
    total = min(fee.total_minor, amount_minor - 1)
    tax = min(fee.tax_minor, total)
    return Fee(total - tax, tax)


def _of(terms: ProductTerms, when: When, base_minor: int, currency: str) -> list[NamedFee]:
    return [
        NamedFee(each.code, each.name, fee_of(rule_of(each, currency), base_minor))
        for each in terms.charges
        if each.when is when
    ]


def _asked(fees: Iterable[NamedFee]) -> list[NamedFee]:
    return [each for each in fees if each.fee.total_minor]
