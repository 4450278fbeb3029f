"""The equal part of a course: which instalment repays it, once it is rounded."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from core.lending.amortisation.course import Course, flat_interests, interest_of, walk
from core.lending.amortisation.instalment import level_instalment
from core.lending.amortisation.rounding import round_minor
from core.lending.amortisation.terms import Method, Rounding


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


def _fitting_part(course: Course, rates: Sequence[Fraction]) -> int:
    terms, exact = course.plan.terms, _exact_part(course, rates)
    candidates = (
        round_minor(exact, terms.rounding, terms.rounding_unit_minor),
        round_minor(exact, terms.rounding),
        round_minor(exact, Rounding.DOWN),
    )
    least = 0
    if terms.method is Method.REDUCING:
        least = interest_of(terms, course.balance, rates[course.amortising_from])
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
    step = round_minor(Fraction(abs(gap), count), terms.rounding)
    target = part + step if gap > 0 else part - step
    moved = round_minor(target, terms.rounding, terms.rounding_unit_minor)
    if moved == part or not _keeps_all(course, rates, moved):
        return part
    return moved if abs(_gap(course, rates, moved)) < abs(gap) else part


def _gap(course: Course, rates: Sequence[Fraction], part: int) -> int:
    *_, last = walk(course, rates, part)
    return last.total - part


def _exact_part(course: Course, rates: Sequence[Fraction]) -> Fraction:
    terms, start = course.plan.terms, course.amortising_from
    count = course.end - start
    if terms.method is Method.EQUAL_PRINCIPAL:
        return Fraction(course.balance, count)
    if terms.method is Method.FLAT:
        interests = list(flat_interests(course, rates))[start - course.first :]
        return Fraction(course.balance + sum(interests), count)
    span = list(rates[start : course.end])
    if course.plan.defers_on_top:
        free = max(0, terms.interest_moratorium - start)
        span[:free] = [Fraction(0)] * min(free, len(span))
    return level_instalment(course.balance + _carried(course, rates), span)


def _carried(course: Course, rates: Sequence[Fraction]) -> Fraction:
    """Return what the deferred interest within the equal part is worth at the course's beginning.

    It earns nothing until the first paying instalment asks it.
    """
    first, paying = course.first, max(course.first, course.plan.terms.interest_moratorium)
    if first < course.amortising_from or paying >= course.end:
        return Fraction(0)
    worth = Fraction(course.deferred - course.on_top)
    for rate in rates[first : paying + 1]:
        worth /= 1 + rate
    return worth
