"""Schedules: the instalments of a loan, from its terms or from what is left of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from core.lending.amortisation.course import Course, Row, falls_due_on_top, walk
from core.lending.amortisation.equal_part import equal_part, shortened
from core.lending.amortisation.fees import fees_of
from core.lending.amortisation.plan import Plan, lay_out
from core.lending.amortisation.terms import (
    Method,
    Prepayment,
    PrepaymentMode,
    Terms,
    TermsError,
)


@dataclass(frozen=True, slots=True)
class Instalment:
    """One row of a schedule, in minor units.

    `opening_balance_minor - principal_minor == balance_minor`, and `total_minor` is principal,
    interest and fee. A prepayment is part of the principal; `prepayment_minor` tells how much.
    `earned_minor` is the interest of the period itself, whichever instalment asks it: under an
    interest moratorium it is earned here and asked later. Over a schedule the two sums are equal.
    `fee_tax_minor` is the part of the fee that is tax.
    """

    number: int
    start_date: date
    due_date: date
    opening_balance_minor: int
    principal_minor: int
    interest_minor: int
    fee_minor: int
    total_minor: int
    balance_minor: int
    earned_minor: int
    prepayment_minor: int = 0
    fee_tax_minor: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """The instalments, and the EMI: what a regular one of them asks.

    `part_minor` is the equal part: the EMI of a reducing or flat loan, the principal in each
    instalment of an equal-principal loan, 0 of a bullet loan.
    """

    instalments: tuple[Instalment, ...]
    emi_minor: int
    part_minor: int

    @property
    def principal_minor(self) -> int:
        """The principal repaid, which is the loan."""
        return sum(row.principal_minor for row in self.instalments)

    @property
    def total_interest_minor(self) -> int:
        """All interest over the schedule."""
        return sum(row.interest_minor for row in self.instalments)

    @property
    def total_payable_minor(self) -> int:
        """Everything the customer pays over the schedule, the fee at disbursement aside."""
        return sum(row.total_minor for row in self.instalments)


def generate(terms: Terms) -> Schedule:
    """Return the schedule of these terms. Raises `TermsError`."""
    plan = lay_out(terms)
    course = Course(plan, terms.principal_minor, 0, len(plan.periods))
    return _schedule(course, equal_part(course), terms.prepayments)


def reschedule(
    terms: Terms,
    balance_minor: int,
    *,
    after: int,
    mode: PrepaymentMode,
    part_minor: int | None = None,
    until: int | None = None,
    balance_since: date | None = None,
    unpaid_interest_minor: int = 0,
    deferred: Sequence[int] = (),
) -> Schedule:
    """Return what is left of a loan once its balance has changed: the instalments beyond `after`.

    `terms` are the loan's own; numbers and due dates stay, and the last is `until` where an earlier
    change has shortened the loan. `reduce_tenure` keeps `part_minor` (the loan's equal part, or
    computed anew where it is None) and closes early, `reduce_emi` spreads the balance over all
    remaining instalments. A change within a period: the balance earns interest from
    `balance_since`, and `unpaid_interest_minor`, earned before, falls due with the next instalment,
    or with the first that pays after an interest moratorium; of such a loan `deferred` is what the
    moratorium's periods have earned so far, the first one first.
    """
    plan = lay_out(replace(terms, prepayments=()))
    end = len(plan.periods) if until is None else until
    if not 0 <= after < end <= len(plan.periods):
        raise TermsError("after", "no instalment is left to reschedule")
    if balance_minor <= 0:
        raise TermsError("balance", "nothing is left to reschedule")
    if balance_since is not None:
        plan = _with_broken_period(plan, after, balance_since)
    on_top = min(unpaid_interest_minor, _on_top(plan, deferred))
    course = Course(plan, balance_minor, after, end, unpaid_interest_minor, on_top)
    if mode is PrepaymentMode.REDUCE_EMI or part_minor is None:
        part = equal_part(course)
    else:
        part = part_minor
    if mode is PrepaymentMode.REDUCE_TENURE:
        course = shortened(course, part)
    return _schedule(course, part, ())


def _schedule(course: Course, part: int, prepayments: Sequence[Prepayment]) -> Schedule:
    emi_part, rows = part, list[Instalment]()
    for index, together in _by_instalment(prepayments):
        paid, course = _walk_through(course, part, index)
        rows += [_instalment(course.plan, row) for row in paid]
        if not paid or course.balance == 0:
            raise TermsError("prepayments", f"nothing is left to prepay at number {index + 1}")
        amount = min(sum(prepayment.amount_minor for prepayment in together), course.balance)
        rows[-1] = _with_prepayment(rows[-1], amount)
        course = replace(course, balance=course.balance - amount)
        if course.balance == 0:
            rows[-1] = _with_deferred(rows[-1], course.deferred)
            break
        course, part = _after_prepayment(course, part, together)
    else:
        rows += [_instalment(course.plan, row) for row in walk(course, course.plan.paused, part)]
    emi = _emi(course.plan, rows, emi_part)
    return Schedule(tuple(_with_fee(course.plan.terms, row) for row in rows), emi, part)


def _by_instalment(prepayments: Sequence[Prepayment]) -> list[tuple[int, list[Prepayment]]]:
    """Return the prepayments by the index of their instalment, in order."""
    groups: dict[int, list[Prepayment]] = {}
    for prepayment in sorted(prepayments, key=lambda prepayment: prepayment.number):
        groups.setdefault(prepayment.number - 1, []).append(prepayment)
    return list(groups.items())


def _walk_through(course: Course, part: int, index: int) -> tuple[list[Row], Course]:
    """Return the rows up to `index` and the course that is left beyond it."""
    paid = [row for row in walk(course, course.plan.paused, part) if row.index <= index]
    if not paid:
        return paid, course
    last = paid[-1]
    left = replace(
        course,
        balance=last.balance,
        first=last.index + 1,
        deferred=last.deferred,
        on_top=last.on_top,
    )
    return paid, left


def _after_prepayment(
    course: Course, part: int, together: Sequence[Prepayment]
) -> tuple[Course, int]:
    if any(prepayment.mode is PrepaymentMode.REDUCE_EMI for prepayment in together):
        return course, equal_part(course)
    return shortened(course, part), part


def _with_broken_period(plan: Plan, index: int, since: date) -> Plan:
    """Return the plan whose instalment at `index` asks the interest from `since` on.

    `since` may lie in an earlier period, where the instalments between are paid already.
    """
    terms = plan.terms
    if not plan.periods[0].start <= since <= plan.periods[index].due:
        raise TermsError("balance_since", "the day lies after the next instalment, or no loan's")
    rate, day_count = Fraction(terms.annual_rate) / 100, terms.day_count
    spans = [period for period in plan.periods[: index + 1] if period.due > since]
    years = sum((x.years(day_count, since=since) for x in spans), Fraction(0))
    pauses = terms.interest_pauses
    paused = sum((x.years(day_count, since=since, pauses=pauses) for x in spans), Fraction(0))
    return replace(
        plan,
        rates=(*plan.rates[:index], rate * years, *plan.rates[index + 1 :]),
        paused=(*plan.paused[:index], rate * paused, *plan.paused[index + 1 :]),
    )


def _on_top(plan: Plan, deferred: Sequence[int]) -> int:
    """Return how much of what a moratorium deferred falls due beyond the equal part."""
    return sum(
        earned
        for index, earned in enumerate(deferred)
        if falls_due_on_top(plan, resting=index < plan.moratorium)
    )


def _emi(plan: Plan, rows: Sequence[Instalment], part: int) -> int:
    """Return the EMI; of equal principal and bullet loans the first regular instalment."""
    if plan.terms.method in {Method.REDUCING, Method.FLAT} and len(rows) > 1:
        return part
    paying = next((row for row in rows if row.number > plan.moratorium), rows[-1])
    return paying.total_minor - paying.prepayment_minor


def _instalment(plan: Plan, row: Row) -> Instalment:
    period = plan.periods[row.index]
    return Instalment(
        number=period.number,
        start_date=period.start,
        due_date=period.due,
        opening_balance_minor=row.opening,
        principal_minor=row.principal,
        interest_minor=row.interest,
        fee_minor=0,
        total_minor=row.total,
        balance_minor=row.balance,
        earned_minor=row.earned,
    )


def _with_deferred(row: Instalment, interest: int) -> Instalment:
    """Return the last instalment of a loan repaid early, which asks what was deferred so far."""
    return replace(
        row,
        interest_minor=row.interest_minor + interest,
        total_minor=row.total_minor + interest,
    )


def _with_prepayment(row: Instalment, amount: int) -> Instalment:
    return replace(
        row,
        principal_minor=row.principal_minor + amount,
        total_minor=row.total_minor + amount,
        balance_minor=row.balance_minor - amount,
        prepayment_minor=amount,
    )


def _with_fee(terms: Terms, row: Instalment) -> Instalment:
    """Return the row with what is charged on it; nothing where it asks nothing."""
    base = row.total_minor - row.prepayment_minor
    fee = fees_of(terms.instalment_fees if base else (), base)
    if not fee.total_minor:
        return row
    return replace(
        row,
        fee_minor=fee.total_minor,
        fee_tax_minor=fee.tax_minor,
        total_minor=row.total_minor + fee.total_minor,
    )
