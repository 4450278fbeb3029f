"""Instalments, by solving for the one that leaves nothing.

What is left after the last instalment is a straight line in the instalment: two trials give it, and
where it crosses zero. No formula for an annuity is needed.
"""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tests.lending.independent.days import due_date, period_part, within_period


def rounded(amount: Fraction, mode: str = "half_up", unit: int = 1) -> int:
    """A multiple of ``unit`` minor units, never below zero."""
    whole, rest = divmod(Fraction(amount), unit)
    up = {
        "down": False,
        "up": rest > 0,
        "half_up": 2 * rest >= unit,
        "half_even": 2 * rest > unit or (2 * rest == unit and whole % 2 == 1),
    }[mode]
    return int(whole + up) * unit


@dataclass
class Row:
    """One instalment as it was planned; ``earned`` is what its period's interest really is."""

    number: int
    start: date
    due: date
    principal: int
    interest: int
    earned: int


@dataclass(frozen=True)
class Plan:
    """What a schedule is made of; ``rate`` in percent a year, ``first`` numbers the first row.

    ``since`` and ``carried``: the first period counts from that day, and asks for what it had
    earned before.
    """

    start: date
    rate: Fraction
    count: int
    method: str = "reducing"
    frequency: object = "monthly"
    day_count: str = "30/360"
    rounding: str = "half_up"
    unit: int = 1
    resting: int = 0
    deferring: int = 0

    def periods(self) -> list[tuple[date, date]]:
        """First and last day of each."""
        ends = [due_date(self.start, self.frequency, n) for n in range(1, self.count + 1)]
        return list(zip([self.start, *ends], ends, strict=False))

    def rates(self) -> list[Fraction]:
        """The interest of each period on one unit."""
        parts = (period_part(a, b, self.frequency, self.day_count) for a, b in self.periods())
        return [self.rate / 100 * part for part in parts]

    def rest_rate(self, index: int, since: date) -> Fraction:
        """The interest of what is left of a period."""
        start, end = self.periods()[index]
        return self.rate / 100 * within_period(start, end, since, self.frequency, self.day_count)


def level_part(balance: Fraction, rates: list[Fraction]) -> Fraction:
    """The equal instalment that repays ``balance``: by two trials of the last balance."""

    def left(instalment: Fraction) -> Fraction:
        owed = Fraction(balance)
        for rate in rates:
            owed += owed * rate - instalment
        return owed

    at_none, at_one = left(Fraction(0)), left(Fraction(1))
    return at_none / (at_none - at_one)


def equal_part(plan: Plan, balance: int, first: int, rates: list[Fraction], carried: int) -> int:
    """What is the same in every row: the instalment, or the principal of equal principals."""
    begin = max(first, plan.resting)
    count = plan.count - begin
    if plan.method == "bullet":
        return 0
    if plan.method == "equal_principal":
        exact = Fraction(balance, count)
    elif plan.method == "flat":
        exact = Fraction(
            balance + sum(flat_interest(plan, balance, first, rates)[begin - first :]), count
        )
    else:
        rest, asked = Fraction(0), list(rates)
        if begin == first >= plan.deferring:
            rest = carried / (1 + rates[begin])
        if not holds_deferred(plan, balance, rates):
            asked[begin : plan.deferring] = [Fraction(0)] * max(0, plan.deferring - begin)
        exact = level_part(balance + rest, asked[begin:])
    return rounded(exact, plan.rounding, plan.unit)


def holds_deferred(plan: Plan, balance: int, rates: list[Fraction]) -> bool:
    """Whether the first paying instalment can hold what was deferred while principal was paid."""
    if plan.deferring <= plan.resting:
        return True
    instalment = rounded(level_part(Fraction(balance), rates[plan.resting :]), "up")
    owed, waiting = balance, 0
    for rate in rates[plan.resting : plan.deferring]:
        waiting += rounded(owed * rate, plan.rounding)
        owed -= instalment
        if owed <= 0:
            return False
    return waiting + owed * rates[plan.deferring] <= instalment


def flat_interest(plan: Plan, balance: int, first: int, rates: list[Fraction]) -> list[int]:
    """On the balance at the beginning, in every period; 30/360 makes P x r x t of it in all."""
    each = [rounded(balance * rate, plan.rounding) for rate in rates[first:]]
    if plan.day_count == "30/360":
        whole = rounded(balance * sum(rates[first:], Fraction(0)), plan.rounding)
        each[-1] = max(0, whole - sum(each[:-1]))
    return each


def schedule(plan: Plan, balance: int) -> tuple[list[Row], int]:
    """The rows of a loan of ``balance``, and the equal part."""
    return course(plan, balance, 0, plan.rates())


def course(
    plan: Plan,
    balance: int,
    first: int,
    rates: list[Fraction],
    *,
    carried: int = 0,
    on_top: int = 0,
    part: int | None = None,
) -> tuple[list[Row], int]:
    """The rows from index ``first`` on; with a ``part``, until it has repaid the balance.

    ``carried`` was earned before and not asked; ``on_top`` of it comes beside the equal part.
    """
    keeps_count = part is None
    if part is None:
        part = equal_part(plan, balance, first, rates, carried - on_top)
    flat = flat_interest(plan, balance, first, rates) if plan.method == "flat" else []
    within = plan.method == "reducing" and holds_deferred(plan, balance, rates)
    periods, rows, owed, waiting = plan.periods(), [], balance, carried
    for index in range(first, plan.count):
        start, end = periods[index]
        own = flat[index - first] if flat else rounded(owed * rates[index], plan.rounding)
        last = index == plan.count - 1
        if last:
            asked, principal, waiting = own + waiting, owed, 0
        else:
            defers = index < plan.deferring
            asked = 0 if defers else own + waiting
            waiting = waiting + own if defers else 0
            if defers and not (within and index >= plan.resting):
                on_top += own
            principal = principal_of(plan, index, part, own, asked - (0 if defers else on_top))
            on_top = on_top if defers else 0
            if not keeps_count and 2 * (owed - principal) <= len(rows) + 1:
                principal, last = owed, True
            principal = min(principal, owed)
        rows.append(Row(index + 1, start, end, principal, asked, own))
        owed -= principal
        if last:
            break
    return rows, part


def principal_of(plan: Plan, index: int, part: int, own: int, asked: int) -> int:
    """What of an instalment repays the loan."""
    if index < plan.resting or plan.method == "bullet":
        return 0
    if plan.method == "equal_principal":
        return part
    return part - own if plan.method == "flat" else part - asked
