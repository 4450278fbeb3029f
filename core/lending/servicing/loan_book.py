"""A loan as a unit of work holds it: its totals, its schedule, and what a payment does to them.

Pure: values in, values changed in memory; ``storage`` reads and writes it. All amounts are in
minor units of the loan's currency.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from core.foundation.errors import NothingDue
from core.lending.amortisation import NO_FEE, Fee
from core.lending.origination.products import ProductTerms
from core.lending.servicing.accrual import (
    NOT_COUNTED,
    Counted,
    Window,
    advance,
    earned,
    is_by_year,
    suspended,
)
from core.lending.servicing.allocation import Allocation, Owed, Split, allocate, total
from core.lending.states import (
    PAID_OFF,
    Classification,
    LoanEvent,
    LoanStatus,
    require_allowed,
)

LineKey = tuple[int, int]


@dataclass(slots=True)
class Line:
    """One instalment of the current schedule.

    ``prepaid`` is principal that was paid ahead of time: it is part of ``asked`` and ``paid``, so
    that principals add up to the loan, and no part of what falls due.
    """

    version: int
    number: int
    period_start: date
    due_date: date
    opening: int
    asked: Split
    paid: Split = field(default_factory=Split)
    prepaid: int = 0
    attempts: int = 0
    first_attempt_on: date | None = None
    next_attempt_on: date | None = None
    paid_on: date | None = None
    # What its period earns, whenever that is asked for.
    accrues: int = 0
    # Of the interest asked: what overdue principal has earned.
    late_interest: int = 0
    late_to: date | None = None
    # What was charged by the day so far, exactly: numerators over the rules' denominators.
    late_carried: int = 0
    penal_to: date | None = None
    penal_carried: int = 0
    late_fee_on: date | None = None
    # Of the fee asked: its tax; what staff charged by hand, and the tax of that.
    fee_tax: int = 0
    fee_levied: int = 0
    fee_levied_tax: int = 0
    fee_booked_on: date | None = None
    # Whether anything changed, and whether more than what was paid and attempted did.
    changed: bool = False
    recharged: bool = False
    is_new: bool = False
    superseded: bool = False

    @property
    def unpaid(self) -> Split:
        """What is still owed of it."""
        return self.asked - self.paid

    def pay(self, split: Split, on: date) -> None:
        """Count ``split`` as paid on the business date ``on``."""
        self.paid += split
        self.changed = True
        if self.paid == self.asked:
            self.paid_on = on
            self.next_attempt_on = None


@dataclass(slots=True)
class LoanBook:
    """One loan's totals and the lines of its schedule that the unit of work needs."""

    id: UUID
    user_id: UUID
    account_id: UUID
    status: LoanStatus
    currency: str
    amount: int
    rate: Decimal
    terms: ProductTerms
    fee: int
    emi: int
    disbursement_transaction_id: UUID | None
    outstanding: int
    repaid: int
    principal_written_off: int
    interest_accrued: int
    interest_paid: int
    written_off: int
    recovered: int
    version: int
    basis: str | None  # a ``schedules.Basis`` as JSON text
    window: Window | None
    tenure_months: int
    dpd: int
    classification: Classification
    in_default: bool
    # Percent of what is earned that goes to suspense, and what stands there.
    suspended_percent: int = 0
    interest_suspended: int = 0
    penalty_suspended: int = 0
    overpaid: int = 0
    restructured_count: int = 0
    specified_until: date | None = None
    disbursed_on: date | None = None
    lines: dict[LineKey, Line] = field(default_factory=dict)
    # What the bank's books do not have yet: interest earned in this unit of work, interest paid
    # ahead that became principal, and fees asked; and the day that they are for.
    newly_accrued: int = 0
    newly_credited: int = 0
    newly_asked: Fee = NO_FEE
    newly_on: date = date.min
    counted: Counted = NOT_COUNTED  # what the books had of its window when it was read
    # What moved from income to suspense in it, and back (below zero).
    newly_suspended: int = 0
    newly_suspended_penalty: int = 0
    closed_on: date | None = None
    # Of a life that was lived again, the most days past due; of others, the loan's row knows it.
    worst_dpd: int | None = None
    charged_on: date | None = None  # the last day whose close found something unpaid, and charged
    # Whether anything changed, and whether more than what was repaid did.
    changed: bool = False
    reshaped: bool = False

    def is_closed_for(self, day: date) -> bool:
        """Whether what was late at the close of ``day`` has been charged."""
        return self.charged_on is not None and self.charged_on >= day

    def current(self) -> list[Line]:
        """The lines that are not superseded, oldest first."""
        lines = (line for line in self.lines.values() if not line.superseded)
        return sorted(lines, key=lambda line: line.number)

    def due(self, on: date) -> list[Line]:
        """The lines due by ``on`` of which something is unpaid, oldest first."""
        return [line for line in self.current() if line.due_date <= on and line.paid_on is None]

    def upcoming(self, on: date) -> list[Line]:
        """The lines that fall due after ``on`` and are not paid in advance, oldest first."""
        return [line for line in self.ahead(on) if line.paid_on is None]

    def ahead(self, on: date) -> list[Line]:
        """The lines that fall due after ``on``, paid in advance or not, oldest first."""
        return [line for line in self.current() if line.due_date > on]

    def unfinished(self, on: date) -> list[Line]:
        """The lines that fall due after ``on`` or are unpaid, oldest first."""
        return [line for line in self.current() if line.due_date > on or line.paid_on is None]

    def line(self, version: int, number: int) -> Line:
        """The line of that version and number. Raises NothingDue where it is paid or replaced."""
        line = self.lines.get((version, number))
        if line is None or line.superseded or line.paid_on is not None:
            raise NothingDue("this instalment is paid already")
        return line

    def move(self, event: LoanEvent, on: date | None = None) -> None:
        """Change the state by the table. Raises LoanStateConflict."""
        status = require_allowed(self.status, event)
        if status is not self.status:
            self.reshaped = self.changed = True
            self.status = status
            if status in ENDED:
                self.closed_on = on
                self.suspended_percent = 0
            if status in PAID_OFF:
                self.cure()

    def pay(self, amount: int, lines: Sequence[Line], on: date) -> Split:
        """Lay ``amount`` over ``lines``, those due ``on`` the day first; answers what it settled
        by component."""
        if len(lines) == 1 and amount == lines[0].unpaid.total:
            split = lines[0].unpaid  # the usual case, and the one that comes by the thousand
            lines[0].pay(split, on)
        else:
            allocation = self._allocate(amount, lines, on)
            by_number = {line.number: line for line in lines}
            for part in allocation.paid:
                by_number[part.number].pay(part.split, on)
            split = allocation.split
        self.newly_on = max(self.newly_on, on)
        if split.fee:
            self.book_fees([line for line in lines if line.paid.fee], on)
        self.count_paid(split)
        if self.dpd and not self.due(on):
            self.cure()
        return split

    def book_fees(self, lines: Iterable[Line], on: date) -> None:
        """Count what ``lines`` ask as fees as the bank's: they are due, or paid before that."""
        for line in lines:
            if line.asked.fee and line.fee_booked_on is None:
                line.fee_booked_on, line.recharged = on, True
                self.book_fee(Fee(line.asked.fee - line.fee_tax, line.fee_tax), on)

    def book_fee(self, fee: Fee, on: date) -> None:
        """Count ``fee`` as the bank's from ``on``."""
        self.newly_asked += fee
        self.newly_on = max(self.newly_on, on)
        self.changed = True

    def cure(self) -> None:
        """No arrears are left: not past due, out of default, and standard again.

        Out of non-performance only where the loan is paid off: while it runs, that is the
        borrower's, and a day's end decides on it (``collections.delinquency``).
        """
        self.dpd, self.in_default = 0, False
        if self.classification is not Classification.NPA or self.status in PAID_OFF:
            self.classification = Classification.STANDARD
        self.reshaped = self.changed = True

    def count_paid(self, split: Split) -> None:
        """Move the totals by what was paid."""
        if self.suspended_percent and self.window is self.counted.window:
            self.count_booked()
        self.outstanding -= split.principal
        self.repaid += split.principal
        self.interest_paid += split.interest
        self.changed = True
        self._receive(split.penalty)

    def accrue_to(self, day: date) -> None:
        """Earn interest through ``day``, period by period; needs the whole schedule loaded.

        Until then a book that was read does not count what the days' accruals booked since its
        window began.
        """
        self.newly_on = max(self.newly_on, day)
        if self.window is None:
            return
        periods = (Window(x.period_start, x.due_date, x.accrues) for x in self.current())
        fresh, self.window = advance(self.window, periods, day, by_year=is_by_year(self.terms))
        self._earn(fresh, day)
        self.reshaped = self.changed = True

    def count_booked(self) -> None:
        """Earn, within the window, what the days' accruals have booked for it."""
        through = self.counted.through
        if self.window is None or through is None:
            return
        so_far = earned(self.window, through, by_year=is_by_year(self.terms))
        fresh = so_far - self.window.accrued_minor
        self.window = replace(self.window, accrued_minor=so_far)
        self._earn(fresh, through)
        self.reshaped = self.changed = True

    def book_earned(self, amount: int, on: date) -> None:
        """The bank's books have yet to hear of ``amount`` of interest that was earned."""
        self.newly_accrued += amount
        self.newly_on = max(self.newly_on, on)
        self.suspend(suspended(amount, self.suspended_percent), 0)
        self._receive(0)  # what was paid ahead was income when it came in

    def credit_ahead(self, on: date) -> int:
        """Interest paid for time that has not passed repays principal; answers how much did.

        Needs interest earned to the day. The caller moves it on the lines, which it replaces.
        """
        credit = min(max(0, -self.interest_owed()), self.outstanding)
        self.count_paid(Split(interest=-credit, principal=credit))
        self.newly_credited += credit
        self.newly_on = max(self.newly_on, on)
        return credit

    def earn_rest(self, on: date) -> None:
        """At a loan's end, interest paid beyond what was earned is the bank's: earn it."""
        self._earn(max(0, self.interest_paid - self.interest_accrued), on)
        self.window = None
        self.reshaped = self.changed = True

    def suspend(self, interest: int, penalty: int) -> None:
        """Move from income to suspense, or back (below zero)."""
        if interest or penalty:
            self.interest_suspended += interest
            self.penalty_suspended += penalty
            self.newly_suspended += interest
            self.newly_suspended_penalty += penalty
            self.reshaped = self.changed = True

    def interest_owed(self) -> int:
        """Interest earned and not paid; negative where it was paid in advance."""
        return self.interest_accrued - self.interest_paid

    def end_if_repaid(self, on: date) -> None:
        """Close the loan where nothing of the loaded schedule and no principal is left."""
        if self.outstanding == 0 and all(line.paid_on for line in self.current()):
            self.move(LoanEvent.REPAY_IN_FULL, on)
            self.earn_rest(on)

    def replace_lines(self, old: Iterable[Line], new: Iterable[Line]) -> None:
        """Supersede ``old`` by ``new``, which carry the next version."""
        for line in old:
            line.superseded = line.changed = True
        for line in new:
            line.is_new = True
            self.lines[line.version, line.number] = line
        self.version += 1
        self.reshaped = self.changed = True

    def _allocate(self, amount: int, lines: Sequence[Line], on: date) -> Allocation:
        due = [Owed(line.number, line.unpaid) for line in lines if line.due_date <= on]
        later = [Owed(line.number, line.unpaid) for line in lines if line.due_date > on]
        return allocate(amount, due, later, interest_first=self.terms.interest_first)

    def _earn(self, amount: int, on: date) -> None:
        self.interest_accrued += amount
        self.book_earned(amount, on)

    def _receive(self, penalty: int) -> None:
        """What comes in of what stands in suspense is income: no more stays than is owed."""
        interest = self.interest_suspended - max(0, self.interest_owed())
        self.suspend(-max(0, interest), -min(self.penalty_suspended, penalty))


ENDED = PAID_OFF | {LoanStatus.SETTLED, LoanStatus.WRITTEN_OFF}


def owed_in_all(lines: Iterable[Line]) -> Split:
    """What is unpaid of ``lines``, by component."""
    return total(line.unpaid for line in lines)
