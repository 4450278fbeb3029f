"""What lending does when a business date is closed: its jobs, and the steps of each.

Interest is earned, what is due is collected; then what is late is charged and classified, default
is recovered; and where something was set off it is classified once more, for who is no longer late
is out of default. ``emi-collection`` and ``default-recovery`` do a part of that for a date by hand.
"""

from functools import partial
from typing import Final

from core.business_day.runs import CLOSE_DAY
from core.business_day.steps import Part, Phase, Progress, StepDone, Steps, Work
from core.foundation.unit_of_work import UnitOfWork
from core.lending.borrowers import Borrowers
from core.lending.collections.charge import charge
from core.lending.collections.classify import classify
from core.lending.collections.collect import announce_due, submit_due
from core.lending.collections.fees_due import book_fees_due
from core.lending.collections.pursue import close_cured, open_cases, set_off
from core.lending.servicing.accrue import accrue, begin_periods
from core.lending.servicing.calendar import CollectionCalendar
from core.transactions.intake import Intake
from core.transactions.results import count_results

EMI_COLLECTION: Final = "emi-collection"
DEFAULT_RECOVERY: Final = "default-recovery"
PART: Final = "lending"


def register(steps: Steps, intake: Intake, *, holiday_country: str = "") -> None:
    """Add what lending does, by the holidays of that country (empty: none)."""
    calendar = CollectionCalendar(holiday_country)
    submit = partial(submit_due, intake=intake)
    charge_late = partial(charge, calendar=calendar)
    assess = partial(_assess, calendar=calendar)
    reassess = partial(_reassess, calendar=calendar)
    recovering = (assess, partial(set_off, intake=intake), close_cured, _count_loans)

    follow_up = Phase("recover", (reassess, close_cured), follow_up=True)
    borrowers = Borrowers()
    of_loans = partial(Part, PART, borrowers, counted=True)
    # By itself: while its lock is held nobody pays on a loan.
    accruing = Phase("accrue", (accrue,))
    collecting = Phase("collect", (begin_periods, book_fees_due, announce_due, submit))
    assessing = Phase("assess", (charge_late, *recovering))
    steps.register(CLOSE_DAY, of_loans((accruing, collecting, assessing, follow_up)))
    steps.register(DEFAULT_RECOVERY, of_loans((Phase("assess", recovering), follow_up)))
    # It counts instalments, whose number is not known before they are submitted.
    collecting = Phase("collect", (partial(_submit_and_count, intake=intake),))
    counting = Phase("assess", (_count_instalments,))
    steps.register(EMI_COLLECTION, Part(PART, borrowers, (collecting, counting)))


async def _assess(unit: UnitOfWork, work: Work, *, calendar: CollectionCalendar) -> None:
    standings = await classify(unit, work, calendar=calendar)
    await open_cases(unit.connection, standings, work.business_date)


async def _reassess(unit: UnitOfWork, work: Work, *, calendar: CollectionCalendar) -> None:
    await classify(unit, work, calendar=calendar)


async def _count_loans(unit: UnitOfWork, work: Work) -> StepDone:
    """The share's loans are done; as many failed as instalments could not be collected."""
    _, failed = await count_results(unit.connection, work.waited_for)
    size = work.share.size
    failed = min(failed, size)
    return StepDone(progress=Progress(succeeded=size - failed, failed=failed))


async def _submit_and_count(unit: UnitOfWork, work: Work, *, intake: Intake) -> StepDone:
    done = await submit_due(unit, work, intake=intake)
    return StepDone(done.submitted, Progress(total=len(done.submitted)))


async def _count_instalments(unit: UnitOfWork, work: Work) -> StepDone:
    succeeded, failed = await count_results(unit.connection, work.waited_for)
    return StepDone(progress=Progress(succeeded=succeeded, failed=failed))
