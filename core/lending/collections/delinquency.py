"""How late a loan is, and what that makes it.

Reserve Bank of India, "Prudential norms on Income Recognition, Asset Classification and
Provisioning": special mention accounts SMA-0/1/2 while overdue up to 90 days, non-performing after
that, flagged in the day-end process, per borrower, and upgraded to standard only when all arrears
of interest and principal are paid. "Prudential Framework for Resolution of Stressed Assets" (7 June
2019): restructuring downgrades to non-performing at once, and the upgrade needs satisfactory
performance over a specified period, through which the loan is never past due by more than 30 days.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from core.lending.origination.products import BucketEdges
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.states import Classification

# Past due by more than so many days is no satisfactory performance.
MOST_DAYS_LATE: Final = 30
# The specified period has not begun: arrears are to be paid first.
NOT_BEGUN: Final = date.max


@dataclass(frozen=True, slots=True)
class Arrears:
    """One loan of a borrower at a day's end, and where its product draws the lines."""

    dpd: int
    previous: Classification
    edges: BucketEdges = field(default_factory=BucketEdges)
    # Arrears that a restructuring put off: not past due any more, and not paid either.
    carried: bool = False
    # Restructured, and the specified period is not over.
    specified: bool = False

    @property
    def are_left(self) -> bool:
        """Whether anything that was overdue has not been paid."""
        return self.dpd > 0 or self.carried

    @property
    def forbids_upgrade(self) -> bool:
        """Whether a loan that is non-performing stays so, and all loans of its borrower."""
        return self.are_left or self.specified


def is_late(due_date: date, closed: date, calendar: CollectionCalendar) -> bool:
    """Whether what fell due on ``due_date`` and is unpaid at the close of ``closed`` is late.

    Nobody is late before the close of the day on which the bank collects, where a holiday moved it.
    """
    return closed >= calendar.adjust(due_date)


def days_past_due(
    oldest_unpaid_due: date | None, closed: date, calendar: CollectionCalendar
) -> int:
    """Days past due at the close of ``closed``, by the oldest unpaid instalment; 0 if none is late.

    The close of the due date itself is day 1, as in the regulator's illustration ("Clarifications"
    of 12 November 2021: dues of 31 March that are unpaid when the day-end process runs for this
    date are overdue since 31 March; SMA-1 on 30 April, upon completion of 30 days of being overdue,
    SMA-2 on 30 May, NPA on 29 June). While nothing is paid it grows by one a day.
    """
    if oldest_unpaid_due is None or not is_late(oldest_unpaid_due, closed, calendar):
        return 0
    return (closed - oldest_unpaid_due).days + 1


def is_in_default(dpd: int, threshold: int, *, already: bool) -> bool:
    """Past ``threshold`` a loan is in default, and stays so until nothing is past due any more."""
    return dpd > threshold or (already and dpd > 0)


def bucket(dpd: int, edges: BucketEdges) -> Classification:
    """The class that ``dpd`` alone gives."""
    if dpd <= 0:
        return Classification.STANDARD
    if dpd <= edges.sma0_to:
        return Classification.SMA0
    if dpd <= edges.sma1_to:
        return Classification.SMA1
    if dpd <= edges.sma2_to:
        return Classification.SMA2
    return Classification.NPA


def classify(loan: Arrears) -> Classification:
    """The class of one loan for itself: once NPA it stays so until no arrears are left.

    A new schedule alone upgrades nothing: it downgrades, until the specified period is over.
    """
    if loan.specified:
        return Classification.NPA
    if loan.are_left and loan.previous is Classification.NPA:
        return Classification.NPA
    return bucket(loan.dpd, loan.edges)


def classify_borrower(loans: Sequence[Arrears]) -> list[Classification]:
    """The classes of all loans of one borrower, in order.

    Non-performance is the borrower's: one NPA makes every loan NPA, and none is upgraded until
    the borrower has paid the arrears of all of them and no specified period is left. SMA stays
    with the loan it is about.
    """
    not_yet = any(loan.forbids_upgrade for loan in loans)
    was_npa = any(loan.previous is Classification.NPA for loan in loans)
    alone = [classify(loan) for loan in loans]
    if worst(alone) is Classification.NPA or (was_npa and not_yet):
        return [Classification.NPA] * len(loans)
    return alone


def specified_until(until: date | None, day: date, loan: Arrears, period_days: int) -> date | None:
    """When the specified period of a restructured loan ends, as the close of ``day`` finds it.

    None for a loan that was never restructured. A period that is over stays so. While it runs,
    being past due by more than 30 days ends it; it begins again on the day when the arrears are
    paid.
    """
    if until is None or until <= day:
        return until
    if until == NOT_BEGUN and not loan.are_left:
        return day + timedelta(days=period_days)
    return NOT_BEGUN if loan.dpd > MOST_DAYS_LATE else until


def worst(classes: Iterable[Classification]) -> Classification:
    """The most severe of ``classes``; standard if there are none."""
    return max(classes, key=lambda each: each.severity, default=Classification.STANDARD)
