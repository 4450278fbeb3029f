"""The table of steps: what each job of the business day does, as features register it.

A job is done in parts, one after the other, each a feature's own. A part cuts its work into shares,
and each share goes through the part's phases. A phase is one unit of work: its steps, in order. The
next phase waits until the transactions that this one submitted are final.

    close-day   lending    accrue: the interest of all loans, whichever share comes first
                           collect: begin periods, announce, submit what is due
                           assess: charge, classify, open cases, set off, close cases
                           recover: classify again, close cases, where something was set off
                rewards    credit: cashbacks that are due
                           settle: nothing, once those are settled, where there were some
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol
from uuid import UUID

from core.foundation.database import Reader
from core.foundation.unit_of_work import UnitOfWork

# The phase of a share for which nothing is left to do.
DONE: Final = "done"


class UnknownStep(LookupError):  # noqa: N818 - of another version of the program, perhaps
    """A chunk's part or phase that this process does not know."""


@dataclass(frozen=True, slots=True)
class Share:
    """What lies from ``first_id`` up to ``next_id`` (None: to the end); ``size``: how much it is.

    What the ids are of is its workload's affair. The shares of a workload leave no gap, so that
    what comes into being after they were cut falls into one.
    """

    first_id: UUID
    next_id: UUID | None
    size: int


@dataclass(frozen=True, slots=True)
class Work:
    """What a step is to do: a share, of a run, for a business date.

    ``waited_for``: the transactions that the phase before submitted, all final now.
    """

    run_id: UUID
    job: str
    business_date: date
    share: Share
    waited_for: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """What to add to a run's counts."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class StepDone:
    """What a step did: the transactions it submitted, and what it counts."""

    submitted: Sequence[UUID] = ()
    progress: Progress = Progress()


# None: nothing was submitted and nothing is counted. All of a step's doing happens in the unit of
# work that it is given, and doing it again for the same date must do nothing more.
Step = Callable[[UnitOfWork, Work], Awaitable[StepDone | None]]


@dataclass(frozen=True, slots=True)
class Phase:
    """Steps that are done together; ``follow_up``: only where the one before submitted something.

    A follow-up's share was counted before, by the phase that it follows.
    """

    name: str
    steps: tuple[Step, ...]
    follow_up: bool = False


class Workload(Protocol):
    """Work that can be cut into shares."""

    async def open_since(self, reader: Reader) -> date | None:
        """The first business date that it has not seen closed; None where there is none yet."""

    async def shares(self, reader: Reader, day: date) -> list[Share]:
        """What there is to do for ``day``, cut into shares."""

    async def second_half(self, reader: Reader, share: Share) -> Share | None:
        """The half to cut off a share that fails; None where it cannot be cut."""

    async def left_out(self, unit: UnitOfWork, work: Work) -> None:
        """Tell the staff of a share that could not be cut, nor done: the run goes on without it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a feature does for a job.

    ``counted``: what the shares hold is the run's total from the start; otherwise its steps count.
    """

    name: str
    workload: Workload
    phases: tuple[Phase, ...]
    counted: bool = False

    def phase(self, name: str) -> Phase:
        """The phase of that name. Raises UnknownStep where the part has none."""
        for phase in self.phases:
            if phase.name == name:
                return phase
        raise UnknownStep(f"{self.name} has no phase {name!r}")

    def after(self, phase: Phase, *, submitted: bool) -> str:
        """The name of the phase that comes next."""
        rest = self.phases[self.phases.index(phase) + 1 :]
        return next((each.name for each in rest if submitted or not each.follow_up), DONE)


class Steps:
    """The table of a process."""

    def __init__(self) -> None:
        self._jobs: dict[str, list[Part]] = defaultdict(list)

    def register(self, job: str, part: Part) -> None:
        """Add a part, after those that the job has. Raises ValueError where its name is taken."""
        if any(each.name == part.name for each in self._jobs[job]):
            raise ValueError(f"{job} has a part {part.name!r} already")
        self._jobs[job].append(part)

    def parts(self, job: str) -> Sequence[Part]:
        """What the job does, in order. Raises LookupError where nobody registered it."""
        if job not in self._jobs:
            raise LookupError(f"nobody registered the job {job!r}")
        return self._jobs[job]

    def part(self, job: str, name: str) -> Part:
        """One part of the job. Raises UnknownStep where it has none of that name."""
        for part in self.parts(job):
            if part.name == name:
                return part
        raise UnknownStep(f"{job} has no part {name!r}")

    async def open_since(self, reader: Reader) -> date | None:
        """The first business date that some part of any job has not seen closed."""
        workloads = {
            id(part.workload): part.workload for job in self._jobs.values() for part in job
        }
        found = [await workload.open_since(reader) for workload in workloads.values()]
        return min((day for day in found if day is not None), default=None)
