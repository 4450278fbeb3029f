"""The course of a loan: instalment after instalment from a balance down to zero.

One walk serves every method. What a method fixes is the *equal part*: the instalment of a reducing
or flat loan, the principal of an equal-principal loan, nothing of a bullet loan.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from core.lending.amortisation.plan import Plan
from core.lending.amortisation.rounding import round_minor, round_ratio
from core.lending.amortisation.terms import DayCount, Method, Terms


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
    """One instalment: what its period earns, what it asks, and what it leaves deferred.

    `capped`: the equal part was more than this instalment could take without leaving a later one
    nothing to repay.
    """

    index: int
    opening: int
    earned: int
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


def walk(
    course: Course, rates: Sequence[Fraction], part: int, *, keep_all: bool = True
) -> Iterator[Row]:
    """Yield the course's rows for an equal part of `part`; the last one absorbs the residue.

    `keep_all` leaves every later instalment at least a minor unit of principal to repay.

    Deferred interest earns no interest. Where an instalment does not cover its interest (a long
    month of a very long loan), it asks for interest alone and the rest is deferred.
    """
    terms, method, last = course.plan.terms, course.plan.terms.method, course.end - 1
    balance, deferred, on_top = course.balance, course.deferred, course.on_top
    flat = flat_interests(course, rates)
    for index in range(course.first, course.end):
        own = next(flat) if method is Method.FLAT else interest_of(terms, balance, rates[index])
        if index == last:
            yield Row(index, balance, own, own + deferred, balance, 0, 0, capped=False)
            return
        resting = index < course.plan.moratorium
        instalment = part
        if index < terms.interest_moratorium:
            interest, deferred = 0, deferred + own
            on_top += own if falls_due_on_top(course.plan, resting=resting) else 0
        else:
            interest, instalment = own + deferred, part + on_top
            deferred = on_top = 0
        wanted = 0 if resting else _principal(method, part, own, instalment - interest)
        if wanted < 0 and method is Method.REDUCING:
            interest, deferred, wanted = interest + wanted, -wanted, 0
        room = max(0, balance - (last - index)) if keep_all else balance
        principal = min(max(wanted, 0), room)
        capped = wanted > room
        yield Row(index, balance, own, interest, principal, deferred, on_top, capped=capped)
        balance -= principal


def interest_of(terms: Terms, balance: int, rate: Fraction) -> int:
    """Return a period's interest on `balance`, rounded to the minor unit."""
    return round_ratio(balance * rate.numerator, rate.denominator, terms.rounding)


def flat_interests(course: Course, rates: Sequence[Fraction]) -> Iterator[int]:
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
        own = interest_of(terms, course.balance, rate)
        left -= own
        yield own
    yield max(left, 0) if quoted else interest_of(terms, course.balance, span[-1])


def falls_due_on_top(plan: Plan, *, resting: bool) -> bool:
    """Tell whether interest that a moratorium defers falls due beyond the equal part.

    Within it only where a reducing loan's instalment is paid meanwhile, all of it as principal.
    """
    return resting or plan.terms.method is not Method.REDUCING or plan.defers_on_top


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
