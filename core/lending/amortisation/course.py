"""The course of a loan: instalment after instalment from a balance down to zero.

One walk serves every method. What a method fixes is the *equal part*: the instalment of a reducing
or flat loan, the principal of an equal-principal loan, nothing of a bullet loan.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from core.lending.amortisation.day_count import Period, is_broken, periods
from core.lending.amortisation.instalment import level_instalment
from core.lending.amortisation.rounding import round_minor, round_ratio
from core.lending.amortisation.terms import DayCount, Method, Rounding, Terms


@dataclass(frozen=True, slots=True)
class Plan:
    """Terms laid out over their periods; `paused` are the rates the interest really follows."""

    terms: Terms
    periods: tuple[Period, ...]
    rates: tuple[Fraction, ...]
    paused: tuple[Fraction, ...]
    moratorium: int


@dataclass(frozen=True, slots=True)
class Course:
    """What is left to repay, `balance` over the periods from `first` up to `end` (exclusive).

    `deferred` is interest already earned that no instalment has asked for yet; `on_top` is the part
    of it that the next paying instalment asks for beyond the equal part.
    """

    plan: Plan
    balance: int
    first: int
    end: int
    deferred: int = 0
    on_top: int = 0

    @property
    def amortising_from(self) -> int:
        """The first period that pays principal."""
        return min(max(self.first, self.plan.moratorium), self.end - 1)


@dataclass(frozen=True, slots=True)
class Row:
    """One instalment: what it asks, and what it leaves deferred. `capped`: the equal part was more
    than this instalment could take without leaving a later one nothing to repay."""

    index: int
    opening: int
    interest: int
    principal: int
    deferred: int
    on_top: int
    capped: bool

    @property
    def total(self) -> int:
        """What the customer pays."""
        return self.interest + self.principal

    @property
    def balance(self) -> int:
        """The principal left after it."""
        return self.opening - self.principal


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
    return Plan(terms, spans, rates, paused, moratorium)


def walk(
    course: Course, rates: Sequence[Fraction], part: int, *, keep_all: bool = True
) -> Iterator[Row]:
    """Yield the course's rows for an equal part of `part`; the last one absorbs the residue.

    `keep_all` leaves every later instalment at least a minor unit of principal to repay.

    Deferred interest earns no interest. Where an instalment does not cover its interest (a long
    month of a very long loan), it asks for interest alone and the rest is deferred.
    """
    terms, method = course.plan.terms, course.plan.terms.method
    balance, deferred, on_top = course.balance, course.deferred, course.on_top
    interests = _interests(course, rates)
    for index in range(course.first, course.end):
        last = index == course.end - 1
        own = next(interests) if method is Method.FLAT else _interest(terms, balance, rates[index])
        resting = index < course.plan.moratorium and not last
        top = 0
        if index < terms.interest_moratorium and not last:
            interest = 0
            deferred += own
            on_top += own if resting or method is not Method.REDUCING else 0
        else:
            interest, top = own + deferred, on_top
            deferred = on_top = 0
        wanted = 0 if resting else _principal(method, part, own, part + top - interest)
        if wanted < 0 and not last:
            interest, deferred, wanted = interest + wanted, -wanted, 0
        room = max(0, balance - (course.end - 1 - index)) if keep_all else balance
        principal = balance if last else min(max(wanted, 0), room)
        yield Row(index, balance, interest, principal, deferred, on_top, wanted > room and not last)
        balance -= principal


def equal_part(course: Course) -> int:
    """Return the equal part, rounded, with every instalment of the course kept.

    Rounding up a small instalment would close the loan early, rounding it down to nothing would
    leave everything to the last; then the instalment rounds to the minor unit instead (Fineract's
    safe rounding), at last downwards. Interest pauses leave the instalment alone (Fineract) unless
    it would close the loan early.
    """
    if course.plan.terms.method is Method.BULLET:
        return 0
    part = _fitting_part(course, course.plan.rates)
    if course.plan.paused is course.plan.rates or _keeps_all(course, course.plan.paused, part):
        return part
    return _fitting_part(course, course.plan.paused)


def shortened(course: Course, part: int) -> Course:
    """Return the course that ends as soon as instalments of the same size have repaid it.

    A remainder of no more than half a minor unit for each instalment is rounding, and no
    instalment of its own.
    """
    if course.plan.terms.method is Method.BULLET:
        return course
    for count, row in enumerate(walk(course, course.plan.paused, part, keep_all=False), 1):
        if 2 * row.balance <= count:
            return replace(course, end=course.first + count)
    return course


def _interest(terms: Terms, balance: int, rate: Fraction) -> int:
    return round_ratio(balance * rate.numerator, rate.denominator, terms.rounding)


def _interests(course: Course, rates: Sequence[Fraction]) -> Iterator[int]:
    """Yield a flat loan's interest, which is on the balance at the beginning of the course.

    Under 30/360 the total is P·r·t, as flat loans are quoted, and the last instalment takes the
    residue; under an actual day count each period stands for itself (Fineract).
    """
    terms = course.plan.terms
    if terms.method is not Method.FLAT:
        return
    span = rates[course.first : course.end]
    quoted = terms.day_count is DayCount.THIRTY_360
    left = round_minor(course.balance * sum(span, Fraction(0)), terms.rounding) if quoted else 0
    for rate in span[:-1]:
        own = _interest(terms, course.balance, rate)
        left -= own
        yield own
    yield max(left, 0) if quoted else _interest(terms, course.balance, span[-1])


def _principal(method: Method, part: int, own: int, left_of_instalment: int) -> int:
    match method:
        case Method.REDUCING:
            return left_of_instalment
        case Method.FLAT:
            return part - own
        case Method.EQUAL_PRINCIPAL:
            return part
        case Method.BULLET:
            return 0


def _exact_part(course: Course, rates: Sequence[Fraction]) -> Fraction:
    terms, start = course.plan.terms, course.amortising_from
    count = course.end - start
    if terms.method is Method.EQUAL_PRINCIPAL:
        return Fraction(course.balance, count)
    if terms.method is Method.FLAT:
        interests = list(_interests(course, rates))[start - course.first :]
        return Fraction(course.balance + sum(interests), count)
    span = rates[start : course.end]
    carried = Fraction(0)
    if start == course.first >= terms.interest_moratorium and not course.on_top:
        carried = course.deferred / (1 + span[0])
    return level_instalment(course.balance + carried, span)


def _fitting_part(course: Course, rates: Sequence[Fraction]) -> int:
    terms, exact = course.plan.terms, _exact_part(course, rates)
    candidates = (
        round_minor(exact, terms.rounding, terms.rounding_unit_minor),
        round_minor(exact, terms.rounding),
        round_minor(exact, Rounding.DOWN),
    )
    least = 0
    if terms.method is Method.REDUCING:
        least = _interest(terms, course.balance, rates[course.amortising_from])
    for part in candidates:
        pays_off = part > 0 and (part > least or exact <= least)
        if pays_off and _keeps_all(course, rates, part):
            return _smoothed(course, rates, part)
    return candidates[-1]


def _keeps_all(course: Course, rates: Sequence[Fraction], part: int) -> bool:
    return not any(row.capped for row in walk(course, rates, part))


def _smoothed(course: Course, rates: Sequence[Fraction], part: int) -> int:
    """Return the part moved once by gap/n where that narrows a gap of more than n/2 minor units.

    The gap is between the last instalment and the others, n the instalments that pay principal:
    Fineract's `EmiAdjustment`.
    """
    terms, count = course.plan.terms, course.end - course.amortising_from
    if not terms.smoothing or terms.method is not Method.REDUCING or count < 2:
        return part
    gap = _gap(course, rates, part)
    if abs(gap) <= count // 2:
        return part
    moved = round_minor(part + Fraction(gap, count), terms.rounding, terms.rounding_unit_minor)
    if moved == part or not _keeps_all(course, rates, moved):
        return part
    return moved if abs(_gap(course, rates, moved)) < abs(gap) else part


def _gap(course: Course, rates: Sequence[Fraction], part: int) -> int:
    *_, last = walk(course, rates, part)
    return last.total - part


def _first_interest_exceeds_instalment(
    terms: Terms, rates: Sequence[Fraction], spans: Sequence[Period]
) -> bool:
    if terms.method is not Method.REDUCING or len(spans) == 1:
        return False
    if not is_broken(terms.start_date, spans[0].due, terms.frequency):
        return False
    instalment = level_instalment(terms.principal_minor, rates)
    return terms.principal_minor * rates[0] > instalment
