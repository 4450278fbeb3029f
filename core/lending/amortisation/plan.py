"""Terms laid out over their periods: the rate of each, and what a moratorium makes of the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from core.lending.amortisation.day_count import Period, is_broken, periods
from core.lending.amortisation.instalment import level_instalment
from core.lending.amortisation.rounding import round_minor
from core.lending.amortisation.terms import Method, Rounding, Terms


@dataclass(frozen=True, slots=True)
class Plan:
    """Terms laid out over their periods; `paused` are the rates the interest really follows.

    `defers_on_top`: the EMI is too small to hold the interest that a moratorium deferred.
    """

    terms: Terms
    periods: tuple[Period, ...]
    rates: tuple[Fraction, ...]
    paused: tuple[Fraction, ...]
    moratorium: int
    defers_on_top: bool = False


def lay_out(terms: Terms) -> Plan:
    """Return the plan of these terms.

    A broken first period can be so long that its interest alone exceeds the instalment; then the
    first instalment is that interest, and the EMI repays the loan over the others.
    """
    spans = tuple(periods(terms))
    yearly = Fraction(terms.annual_rate) / 100
    rates = tuple(yearly * period.years(terms.day_count) for period in spans)
    paused = rates
    if terms.interest_pauses:
        paused = tuple(
            yearly * period.years(terms.day_count, pauses=terms.interest_pauses) for period in spans
        )
    moratorium = terms.moratorium
    if moratorium == 0 and _first_interest_exceeds_instalment(terms, rates, spans):
        moratorium = 1
    on_top = _deferral_exceeds_instalment(terms, rates, moratorium)
    return Plan(terms, spans, rates, paused, moratorium, on_top)


def _first_interest_exceeds_instalment(
    terms: Terms, rates: Sequence[Fraction], spans: Sequence[Period]
) -> bool:
    if terms.method is not Method.REDUCING or len(spans) == 1:
        return False
    if not is_broken(terms.start_date, spans[0].due, terms.frequency):
        return False
    instalment = level_instalment(terms.principal_minor, rates)
    return terms.principal_minor * rates[0] > instalment


def _deferral_exceeds_instalment(terms: Terms, rates: Sequence[Fraction], moratorium: int) -> bool:
    """Tell whether the first paying instalment cannot hold the interest deferred to it."""
    paying = terms.interest_moratorium
    if terms.method is not Method.REDUCING or paying <= moratorium:
        return False
    instalment = round_minor(
        level_instalment(terms.principal_minor, rates[moratorium:]), Rounding.UP
    )
    balance, deferred = terms.principal_minor, 0
    for rate in rates[moratorium:paying]:
        deferred += round_minor(balance * rate, terms.rounding)
        balance -= instalment
        if balance <= 0:
            return True
    return deferred + balance * rates[paying] > instalment
