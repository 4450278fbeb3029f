"""One loan's life, day after day, as the rules of docs/lending.md tell it.

Amounts are whole minor units; a ``Fraction`` stands wherever something is not rounded yet.
"""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.lending.independent.days import ONE_DAY, late_day_part, part_of_year
from tests.lending.independent.schedule import Plan, Row, course, rounded, schedule

ORDER = ("penalty", "fee", "interest", "principal")
CLASSES = ("standard", "sma0", "sma1", "sma2", "npa")


def nothing() -> dict[str, int]:
    """No money of any component."""
    return dict.fromkeys(ORDER, 0)


@dataclass
class Span:
    """Days that earn ``amount`` together."""

    start: date
    end: date
    amount: int
    by_year: bool = False

    def earned(self, day: date) -> int:
        """The running total at a day's close, half up."""
        if day >= self.end:
            return self.amount
        if day <= self.start:
            return 0
        if self.by_year:
            of = "actual/actual"
            share = part_of_year(self.start, day, of) / part_of_year(self.start, self.end, of)
        else:
            share = Fraction((day - self.start).days, (self.end - self.start).days)
        return rounded(self.amount * share)


@dataclass
class Line:
    """An instalment: what it asks and what is paid, and how late it has become."""

    number: int
    start: date
    due: date
    asked: dict[str, int]
    paid: dict[str, int] = field(default_factory=nothing)
    earned: int = 0
    late_interest: int = 0
    late_exact: Fraction = Fraction(0)
    penal_exact: Fraction = Fraction(0)
    penal: int = 0
    penal_to: date | None = None
    fee_made: bool = False
    attempts: int = 0
    first_attempt: date | None = None
    next_attempt: date | None = None

    def unpaid(self, component: str | None = None) -> int:
        """What is owed of it still."""
        parts = ORDER if component is None else (component,)
        return sum(self.asked[part] - self.paid[part] for part in parts)

    def take(self, amount: int, parts: tuple[str, ...] = ORDER) -> int:
        """Settle what the amount covers; answers what is left of it."""
        for part in parts:
            piece = min(amount, self.unpaid(part))
            self.paid[part] += piece
            amount -= piece
        return amount


@dataclass(frozen=True)
class Receipt:
    """Money that came in on a day, before or ``after`` that day's close.

    ``ahead``: what is not due repays principal; ``keep_instalment`` says what that shortens.
    """

    on: date
    after: bool
    amount: int
    ahead: bool = False
    keep_instalment: bool = False


@dataclass
class Life:
    """A loan and the account that pays it."""

    amount: int
    plan: Plan
    cash: int
    grace_days: int = 3
    late_fee: int = 0
    late_fee_percent: Fraction = Fraction(1)
    penal_rate: Fraction = Fraction(6)
    interest_first: bool = False
    partial_collection: bool = True
    overdue_interest: bool = True
    retry_days: tuple[int, ...] = (1, 3, 7)
    edges: tuple[int, int, int] = (30, 60, 90)
    default_after: int = 90
    set_off: bool = True
    foreclosure_percent: Fraction = Fraction(0)
    receipts: list[Receipt] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows, self.part = schedule(self.plan, self.amount)
        self.lines = [self._line(row) for row in rows]
        self.spans = [self._span(row.start, row.due, row.earned) for row in rows]
        self.count = self.plan.count
        self.outstanding, self.interest_paid, self.late_interest = self.amount, 0, 0
        self.status, self.classification = "active", "standard"
        self.dpd, self.in_default = 0, False
        self.suspended, self.penalty_suspended = 0, 0
        self.closed = self.assessed = self.plan.start - ONE_DAY
        self.overpaid = 0

    # --- what is owed

    @property
    def alive(self) -> bool:
        """Whether anything can still happen to it."""
        return self.status == "active"

    def due(self, on: date) -> list[Line]:
        """What has fallen due by a day and is unpaid."""
        return [line for line in self.lines if line.due <= on and line.unpaid()]

    def interest_earned(self, on: date) -> int:
        """All interest from the first day through a day."""
        return sum(span.earned(on) for span in self.spans) + self.late_interest

    def interest_owed(self, on: date) -> int:
        """Earned and not paid; below zero what was paid for time to come."""
        return self.interest_earned(on) - self.interest_paid

    def payoff(self, on: date) -> dict[str, int]:
        """What it costs to be rid of it."""
        owed = self.interest_owed(on) + self._late_since_close(on)
        ahead = sum(line.unpaid("principal") for line in self.lines if line.due > on)
        early = rounded((ahead - max(0, -owed)) * self.foreclosure_percent / 100)
        parts = {
            "principal": self.outstanding - max(0, -owed),
            "interest": max(0, owed),
            "penalty": sum(line.unpaid("penalty") for line in self.lines),
            "fees": sum(line.unpaid("fee") for line in self.lines) + early,
        }
        return {**parts, "total": sum(parts.values())}

    def _late_since_close(self, on: date) -> int:
        """What overdue principal has earned on the days that are not closed yet."""
        fresh = 0
        for line in self.due(on) if self.overdue_interest else ():
            day, exact = max(self.closed, line.due) + ONE_DAY, line.late_exact
            while day <= on:
                exact += self._late_day(line, day)
                day += ONE_DAY
            fresh += rounded(exact) - line.late_interest
        return fresh

    def _late_day(self, line: Line, day: date) -> Fraction:
        part = late_day_part(line.due, day, self.plan.frequency, self.plan.day_count)
        return line.unpaid("principal") * self.plan.rate / 100 * part

    # --- what the customer pays

    def pay(self, amount: int, on: date) -> int:
        """Pay on what is due, then ahead; answers what was taken from the account."""
        total = self.payoff(on)["total"]
        if amount >= total:
            return self.foreclose(on)
        self._received(amount, on)
        left = self._allocate(amount, [x for x in self.lines if x.due <= on])
        for line in self.lines:
            left = self._settle(line, left)
        self.cash -= amount - left
        self._after_payment(on)
        return amount - left

    def foreclose(self, on: date, **wish: bool) -> int:
        """Repay everything; ``wish`` is what a prepayment wanted that came to it.

        Should it once fall short, what is not due repays principal and shortens the loan.
        """
        taken = self.payoff(on)["total"]
        self._received(taken, on, **(wish or {"ahead": True, "keep_instalment": True}))
        early = any(line.due > on and line.unpaid() for line in self.lines)
        self.status = "foreclosed" if early else "closed"
        self.cash -= taken
        self.outstanding = 0
        self._cure()
        self.classification = "standard"
        self.suspended = self.penalty_suspended = 0
        return taken

    def prepay(self, amount: int, on: date, *, keep_instalment: bool) -> int:
        """What is due first, and with the rest principal ahead of time."""
        if amount >= self.payoff(on)["total"]:
            return self.foreclose(on, ahead=True, keep_instalment=keep_instalment)
        due = sum(line.unpaid() for line in self.due(on))
        if amount <= due:
            return self.pay(amount, on)
        self._received(amount, on, ahead=True, keep_instalment=keep_instalment)
        self._allocate(due, self.due(on))
        self._pay_ahead(amount - due, on, keep_instalment=keep_instalment)
        self.cash -= amount
        self._after_payment(on)
        return amount

    def _pay_ahead(self, ahead: int, on: date, *, keep_instalment: bool) -> None:
        credit = max(0, -self.interest_owed(on))
        assert not credit, "nobody prepays here who has paid instalments ahead"
        nxt = next(
            line
            for line in self.lines
            if line.due > on and (line.unpaid() or not any(line.asked.values()))
        )
        index = nxt.number - 1
        since = max(on, nxt.start)
        waiting = (
            self.interest_earned(on)
            - self.late_interest
            - sum(
                line.asked["interest"] - line.late_interest
                for line in self.lines
                if line.number < nxt.number
            )
        )
        plan = self.plan if self.count == self.plan.count else self._ending(self.count)
        rates = plan.rates()
        rates[index] = plan.rest_rate(index, since)
        part = self.part if keep_instalment else None
        left = self.outstanding - ahead
        # What a rest has deferred is asked beside the instalment that ends it.
        on_top = 0
        if 0 < plan.deferring <= plan.resting:
            rest_ends = plan.periods()[plan.deferring - 1][1]
            rested = sum(span.earned(on) for span in self.spans if span.end <= rest_ends)
            on_top = min(waiting, rested)
        rows, part = course(plan, left, index, rates, carried=waiting, on_top=on_top, part=part)
        self.part = part
        self.count = rows[-1].number
        before = self.lines[index]
        self.lines[index:] = [self._line(row) for row in rows]
        fresh = self.lines[index]
        for component in ORDER:
            fresh.paid[component] = before.paid[component]
        fresh.asked["principal"] += before.paid["principal"] + ahead
        fresh.paid["principal"] += ahead
        fresh.asked["interest"] = max(fresh.asked["interest"], before.paid["interest"])
        for component in ("penalty", "fee"):
            fresh.asked[component] = before.asked[component]
        if not fresh.unpaid():
            fresh.next_attempt = None
        cut = [
            Span(s.start, on, s.earned(on), s.by_year) for s in self.spans if s.start < on < s.end
        ]
        kept = [s for s in self.spans if s.end <= on]
        self.spans = [*kept, *cut, self._span(since, rows[0].due, rows[0].earned)]
        self.spans += [self._span(row.start, row.due, row.earned) for row in rows[1:]]
        self.outstanding -= ahead

    # --- what the night does

    def close(self, day: date) -> None:
        """A day's close: collect, charge, classify, and set off what is in default."""
        self.closed = day
        if not self.alive:
            return
        self._collect(day)
        if self.alive:
            self._charge(day)
            self._classify(day)
        if self.alive and self.in_default and self.set_off and self.cash > 0:
            due = sum(line.unpaid() for line in self.due(day))
            taken = min(due, self.cash)
            if taken:
                self._received(taken, day)
                self._allocate(taken, self.due(day))
                self.cash -= taken
                self._after_payment(day)
            if self.alive:
                self._classify(day)

    def _collect(self, day: date) -> None:
        for line in [x for x in self.lines if x.next_attempt and x.next_attempt <= day]:
            if not self.alive or not line.unpaid():
                continue
            wanted = line.unpaid()
            taken = min(wanted, max(0, self.cash))
            if taken < wanted and not self.partial_collection:
                taken = 0
            if taken:
                self._received(taken, day, collected=True)
                self._allocate(taken, self.due(day))
                self.cash -= taken
            line.attempts += 1
            line.first_attempt = line.first_attempt or day
            line.next_attempt = None
            if line.unpaid() and line.attempts <= len(self.retry_days):
                again = line.first_attempt + timedelta(days=self.retry_days[line.attempts - 1])
                line.next_attempt = max(again, day + ONE_DAY)
            if taken:
                self._after_payment(day)

    def _charge(self, day: date) -> None:
        for line in [x for x in self.due(day) if x.due < day]:
            scheduled = max(0, line.unpaid("interest") - line.late_interest)
            base = line.unpaid("principal") + scheduled
            before = line.asked["penalty"]
            if self.overdue_interest:
                line.late_exact += self._late_day(line, day)
                fresh = rounded(line.late_exact) - line.late_interest
                line.late_interest += fresh
                line.asked["interest"] += fresh
                self.late_interest += fresh
                self._accrued(fresh)
            if not line.fee_made and day > line.due + timedelta(days=self.grace_days):
                line.fee_made = True
                if base:
                    line.asked["penalty"] += self.late_fee + rounded(
                        base * self.late_fee_percent / 100
                    )
            since = line.penal_to or line.due + timedelta(days=self.grace_days)
            if day > since:
                line.penal_exact += base * self.penal_rate / 100 * Fraction((day - since).days, 365)
                fresh = rounded(line.penal_exact, self.plan.rounding) - line.penal
                line.penal += fresh
                line.asked["penalty"] += fresh
            line.penal_to = max(since, day)
            if self.classification == "npa":
                self.penalty_suspended += line.asked["penalty"] - before

    def _accrued(self, fresh: int) -> None:
        if self.classification == "npa":
            self.suspended += fresh

    def _count_days(self, day: date) -> None:
        due = self.due(day)
        self.dpd = (day - due[0].due).days + 1 if due else 0
        self.in_default = self.dpd > self.default_after or (self.in_default and self.dpd > 0)

    def _classify(self, day: date) -> None:
        if self.due(day) or self.dpd or self.classification != "standard":
            self.assessed = day
        self._count_days(day)
        by_days = next((i for i, edge in enumerate((0, *self.edges)) if self.dpd <= edge), 4)
        was = self.classification
        self.classification = "npa" if was == "npa" and self.dpd else CLASSES[by_days]
        if self.classification != "npa":
            self.suspended = self.penalty_suspended = 0
        elif was != "npa":
            self.penalty_suspended = sum(line.unpaid("penalty") for line in self.lines)

    def suspended_interest(self, on: date) -> int:
        """Of a loan that is NPA, all that it owes of interest: none of it is income."""
        return max(0, self.interest_owed(on)) if self.classification == "npa" else 0

    # --- what is put right

    def correct(self, wrong: Receipt, right: Receipt | None, today: date) -> None:
        """Live the life again without a receipt, and with the right one in its place."""
        self.cash += wrong.amount - (right.amount if right else 0)
        receipts = [each for each in self.receipts if each is not wrong]
        if right:
            receipts.append(right)
        again = replace(self, receipts=[])
        npa = self.classification == "npa"
        again.live(sorted(receipts, key=lambda each: (each.on, each.after)), self.closed)
        was = {(line.number, line.due): line for line in self.lines}
        for line in again.lines:
            before = was.get((line.number, line.due))
            if not line.unpaid():
                line.next_attempt = None
            elif before and before.unpaid():
                line.attempts, line.first_attempt = before.attempts, before.first_attempt
                line.next_attempt = before.next_attempt
            else:
                line.next_attempt = max(line.due, max(self.closed, today) + ONE_DAY)
        again.cash, again.receipts, again.assessed = self.cash, receipts, self.assessed
        self.__dict__.update(again.__dict__)
        if self.alive and npa:
            self.classification = "npa"
            self.penalty_suspended = sum(line.unpaid("penalty") for line in self.lines)
        elif self.alive:
            by_days = next((i for i, edge in enumerate((0, *self.edges)) if self.dpd <= edge), 4)
            self.classification = CLASSES[min(by_days, 3)]

    def live(self, receipts: list[Receipt], through: date) -> None:
        """A life by its receipts alone, each in its place among the closes."""
        waiting = list(receipts)
        day = self.plan.start
        while day <= through or waiting:
            for after in (False, True):
                while waiting and (waiting[0].on, waiting[0].after) == (day, after):
                    self.receive(waiting.pop(0))
                if not after and day <= through:
                    self.closed = day
                    if self.alive:
                        self._charge(day)
                        self._count_days(day)
            day += ONE_DAY

    def receive(self, money: Receipt) -> None:
        """Lay what came in over what is owed that day; what finds no debt is overpaid."""
        left, on = money.amount, money.on
        if self.alive and left:
            total = self.payoff(on)["total"]
            if left >= total:
                left -= self.foreclose(on)
            elif money.ahead:
                left -= self.prepay(left, on, keep_instalment=money.keep_instalment)
            else:
                left -= self.pay(left, on)
        self.overpaid += left

    def _received(
        self,
        amount: int,
        on: date,
        *,
        collected: bool = False,
        ahead: bool = False,
        keep_instalment: bool = False,
    ) -> None:
        # What comes after a close that found the loan late was too late for that day.
        after = self.assessed >= on and not collected
        self.receipts.append(Receipt(on, after, amount, ahead, keep_instalment))

    # --- inside

    def _after_payment(self, on: date) -> None:
        if self.outstanding == 0 and not any(line.unpaid() for line in self.lines):
            self.status = "closed"
            self.classification = "standard"
            self._cure()
        elif self.dpd and not self.due(on):
            self._cure()
        unpaid = sum(line.unpaid("penalty") for line in self.lines)
        self.penalty_suspended = min(self.penalty_suspended, unpaid)

    def _cure(self) -> None:
        self.dpd, self.in_default = 0, False
        if self.classification != "npa":
            self.classification = "standard"

    def _allocate(self, amount: int, lines: list[Line]) -> int:
        passes = (ORDER[:3], ORDER[3:]) if self.interest_first else (ORDER,)
        for parts in passes:
            for line in lines:
                amount = self._settle(line, amount, parts)
        return amount

    def _settle(self, line: Line, amount: int, parts: tuple[str, ...] = ORDER) -> int:
        interest, principal = line.paid["interest"], line.paid["principal"]
        left = line.take(amount, parts)
        self.interest_paid += line.paid["interest"] - interest
        self.outstanding -= line.paid["principal"] - principal
        if not line.unpaid():
            line.next_attempt = None
        return left

    def _line(self, row: Row) -> Line:
        asked = {**nothing(), "principal": row.principal, "interest": row.interest}
        line = Line(row.number, row.start, row.due, asked, earned=row.earned)
        line.next_attempt = row.due if line.unpaid() else None
        return line

    def _span(self, start: date, end: date, amount: int) -> Span:
        return Span(start, end, amount, self.plan.day_count == "actual/actual")

    def _ending(self, count: int) -> Plan:
        return Plan(**{**vars_of(self.plan), "count": count})


def vars_of(plan: Plan) -> dict[str, Any]:
    """The fields of a plan."""
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}
