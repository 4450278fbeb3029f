"""Whether money comes in month after month, and how much of it stays: income as the books show it.

Money that goes back to who sent it was never income, whichever way it went first: a payer's
transfers and what the customer pays to the same payer are set against each other. What is left
counts by calendar months, and the month in the middle stands for all, so that neither one large
sum nor many small ones in one month make an income.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import date

from core.lending.origination.policy import Policy

# A day, a payer, and what came in from it or, below zero, went to it that day, in minor units.
Flow = tuple[date, Hashable, int]


@dataclass(frozen=True, slots=True)
class SeenIncome:
    """What the accounts show, in minor units.

    ``monthly_minor`` is 0 where the months are too few; ``months`` of the ``of_months`` complete
    ones since the first brought something, the current one aside. ``sent_back_minor`` came in and
    was returned, or went out first.
    """

    monthly_minor: int = 0
    months: int = 0
    of_months: int = 0
    payers: int = 0
    sent_back_minor: int = 0


def seen_income(flows: Iterable[Flow], today: date, policy: Policy) -> SeenIncome:
    """The income that ``flows`` (in the order of their days) show at ``today``."""
    kept, sent_back = _kept(flows)
    this_month = _month(today)
    sums: dict[int, int] = defaultdict(int)
    payers = set()
    for on, payer, amount_minor in kept:
        month = _month(on)
        if this_month - policy.income_months <= month < this_month:
            sums[month] += amount_minor
            payers.add(payer)
    months, of_months = len(sums), this_month - min(sums, default=this_month)
    regular = months >= policy.least_months and months * 100 >= of_months * policy.regular_percent
    return SeenIncome(
        monthly_minor=_middle(sums, of_months) if regular else 0,
        months=months,
        of_months=of_months,
        payers=len(payers),
        sent_back_minor=sent_back,
    )


def first_day(today: date, policy: Policy) -> date:
    """From which day on what came in counts at ``today``."""
    year, month = divmod(_month(today) - 1 - policy.income_months, 12)
    return date(year, month + 1, 1)


def _kept(flows: Iterable[Flow]) -> tuple[list[Flow], int]:
    """What came in and stayed, by day and payer, and the sum of what did not."""
    came: dict[Hashable, list[Flow]] = defaultdict(list)
    paid_before: dict[Hashable, int] = defaultdict(int)
    sent_back = 0
    for on, payer, amount_minor in flows:
        if amount_minor < 0:
            left = _take_back(came[payer], -amount_minor)
            sent_back += -amount_minor - left
            paid_before[payer] += left
        else:
            returned = min(amount_minor, paid_before[payer])
            paid_before[payer] -= returned
            sent_back += returned
            if amount_minor > returned:
                came[payer].append((on, payer, amount_minor - returned))
    return [flow for of_one in came.values() for flow in of_one], sent_back


def _take_back(came: list[Flow], amount_minor: int) -> int:
    """Take ``amount_minor`` off the latest that came; answers what is left of it."""
    while came and amount_minor:
        on, payer, last = came.pop()
        if last > amount_minor:
            came.append((on, payer, last - amount_minor))
            return 0
        amount_minor -= last
    return amount_minor


def _middle(sums: dict[int, int], of_months: int) -> int:
    """The lower median of the months, those without anything among them."""
    ordered = sorted([0] * (of_months - len(sums)) + list(sums.values()))
    return ordered[(of_months - 1) // 2]


def _month(day: date) -> int:
    return day.year * 12 + day.month
