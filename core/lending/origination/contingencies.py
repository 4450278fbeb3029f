"""A product's terms in words: what is charged only if something happens, and in which order."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from core.lending.disclosure.offer import Contingencies
from core.lending.disclosure.words import NONE, counted, figure, plain_percent
from core.lending.origination.charges import ChargeTerms, When
from core.lending.origination.products import Every, FrequencySpec, ProductTerms, rounded_minor

FREQUENCY_WORDS: Final = {
    "monthly": "Monthly",
    "semimonthly": "Twice a month",
    "weekly": "Weekly",
    "biweekly": "Every two weeks",
    "quarterly": "Quarterly",
    "half_yearly": "Half-yearly",
}
OVERDUE, ENDED_EARLY = "what is overdue", "the principal paid off early"


def frequency_words(spec: FrequencySpec) -> str:
    """``Monthly``, ``Every 10 days``."""
    if isinstance(spec, Every):
        return f"Every {counted(spec.every, spec.unit.removesuffix('s'))}"
    return FREQUENCY_WORDS[spec]


def contingencies_of(terms: ProductTerms, currency: str) -> Contingencies:
    """What these terms charge if something happens."""
    return Contingencies(
        overdue=_overdue(terms),
        late_fee=_late_fee(terms, currency),
        foreclosure=_foreclosure(terms, currency),
        others=_charges(terms.charges, When.OVERDUE, OVERDUE, currency) or NONE,
        allocation=_allocation(terms),
    )


def _overdue(terms: ProductTerms) -> str:
    told = []
    if terms.penal_rate:
        told.append(
            f"A penal charge of {plain_percent(terms.penal_rate)} a year on overdue principal and"
            f" interest, after {counted(terms.grace_days, 'day')} of grace"
        )
    if terms.overdue_interest:
        told.append("interest at the contract rate on overdue principal")
    return ", and ".join(told) or NONE


def _late_fee(terms: ProductTerms, currency: str) -> str:
    fee = _rule(terms.late_fee, terms.late_fee_percent, Decimal(0), OVERDUE, currency)
    return f"A late fee, once for each overdue instalment: {fee}" if fee else NONE


def _foreclosure(terms: ProductTerms, currency: str) -> str:
    own = _rule(
        Decimal(0), terms.foreclosure_fee_percent, terms.fee_tax_percent, ENDED_EARLY, currency
    )
    charges = _charges(terms.charges, When.FORECLOSURE, ENDED_EARLY, currency)
    told = "; ".join(filter(None, (own, charges)))
    if told and terms.withdrawal_days:
        told += f"; none within {counted(terms.withdrawal_days, 'day')} of the disbursement"
    return told or NONE


def _charges(charges: Iterable[ChargeTerms], when: When, base: str, currency: str) -> str:
    return "; ".join(
        f"{each.name}: {_rule(each.amount, each.percent, each.tax_percent, base, currency)}"
        for each in charges
        if each.when is when
    )


def _rule(amount: Decimal, percent: Decimal, tax: Decimal, base: str, currency: str) -> str:
    """A charge in words: ``5.00 EUR and 1 % of what is overdue, plus 18 % tax``."""
    flat = rounded_minor(amount, currency)
    parts = (
        f"{figure(flat, currency)} {currency}" if flat else "",
        f"{plain_percent(percent)} of {base}" if percent else "",
    )
    told = " and ".join(filter(None, parts))
    return f"{told}, plus {plain_percent(tax)} tax" if told and tax else told


def _allocation(terms: ProductTerms) -> str:
    if terms.interest_first:
        return "What is due first; penalties, fees and interest of all of it, then principal"
    return (
        "What is due first, the oldest instalment before others; penalties, fees, interest,"
        " principal"
    )
