"""What happens when a date is closed is what features registered, in their order."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import get_args
from uuid import UUID

import pytest

from api.routes.admin_lending import JobName
from core.business_day import chunks, close, drive, runs
from core.business_day.dates import BankClock, Today, find_today
from core.business_day.desk import Desk
from core.business_day.runs import CLOSE_DAY, Run
from core.business_day.steps import DONE, Part, Phase, Share, StepDone, Steps, Work
from core.foundation.database import Reader
from core.foundation.unit_of_work import UnitOfWork
from core.rewards import cashback
from core.rewards.steps import Cashbacks
from core.transactions import orders
from core.transactions.orders import Party
from core.transactions.results import all_final
from tests.quiet import Quiet, transfer_order
from worker.kinds import every_kind
from worker.steps import every_step

DAY = timedelta(days=1)


@dataclass
class Ids:
    """A workload of the test's own: so many things, of which ``broken`` cannot be done."""

    count: int
    at_once: int = 4
    broken: int | None = None
    log: list[str] = field(default_factory=list)
    asked: int = 0

    def of(self, share: Share) -> range:
        after = self.count if share.next_id is None else share.next_id.int
        return range(share.first_id.int, after)

    async def do(self, _unit: UnitOfWork, work: Work) -> StepDone:
        """Fail where the broken one is among them."""
        if self.broken in self.of(work.share):
            raise LookupError(f"no {self.broken}")
        self.log.append(f"did {len(self.of(work.share))}")
        return StepDone()

    async def open_since(self, _reader: Reader) -> date | None:
        self.asked += 1
        return None

    async def shares(self, _reader: Reader, _day: date) -> list[Share]:
        starts = range(0, self.count, self.at_once)
        return [
            Share(
                UUID(int=start),
                UUID(int=start + self.at_once) if start + self.at_once < self.count else None,
                min(self.at_once, self.count - start),
            )
            for start in starts
        ]

    async def second_half(self, _reader: Reader, share: Share) -> Share | None:
        held = self.of(share)
        rest = held[(len(held) + 1) // 2 :]
        return Share(UUID(int=rest[0]), share.next_id, len(rest)) if rest else None

    async def left_out(self, _unit: UnitOfWork, work: Work) -> None:
        self.log.append(f"left out {list(self.of(work.share))}")


def desk(bank: Quiet, steps: Steps) -> Desk:
    settler = bank.settler(kinds=every_kind(bank.settings))
    return Desk(bank.database, steps, BankClock("UTC", may_run_ahead=True), settle=settler.drain)


async def today_of(bank: Quiet) -> Today:
    async with bank.database.read() as reader:
        return await find_today(reader, "UTC")


async def close_next(bank: Quiet, steps: Steps) -> Run:
    """Close the day after the bank's."""
    day = (await today_of(bank)).business_date + DAY
    return await close.run_job(desk(bank, steps), CLOSE_DAY, day)


async def cut(bank: Quiet, steps: Steps) -> UUID:
    """A run that closes the bank's next day, cut into chunks, which nobody works on yet."""
    day = (await today_of(bank)).business_date + DAY
    async with bank.database.unit_of_work() as unit:
        clock = BankClock("UTC", may_run_ahead=True)
        run_id = await runs.start(unit.connection, CLOSE_DAY, day, clock)
        await drive.plan(unit.connection, run_id, steps)
        await unit.commit()
    return run_id


async def take(unit: UnitOfWork, run_id: UUID, steps: Steps) -> list[int]:
    """The number of the chunk that is taken, if there is one."""
    chunk = await chunks.take(unit.connection, run_id, steps.parts(CLOSE_DAY), "somebody")
    return [] if chunk is None else [chunk.number]


def test_a_follow_up_comes_only_where_something_was_submitted():
    first, then, last = (Phase(name, ()) for name in ("first", "then", "last"))
    follow_up = Phase("follow up", (), follow_up=True)
    part = Part("part", Ids(1), (first, then, follow_up, last))

    assert part.after(first, submitted=False) == "then"
    assert part.after(then, submitted=True) == "follow up"
    assert part.after(then, submitted=False) == "last"
    assert part.after(last, submitted=True) == DONE
    with pytest.raises(LookupError, match="no phase 'never'"):
        part.phase("never")


def test_a_part_is_registered_once_and_a_job_of_nobody_is_an_error():
    steps = Steps()
    steps.register("night", Part("ours", Ids(1), ()))
    with pytest.raises(ValueError, match="has a part 'ours' already"):
        steps.register("night", Part("ours", Ids(1), ()))
    with pytest.raises(LookupError, match="nobody registered the job 'noon'"):
        steps.parts("noon")
    with pytest.raises(LookupError, match="night has no part 'theirs'"):
        steps.part("night", "theirs")


async def test_every_job_that_the_api_names_has_parts_that_do_it(bank_of_its_own):
    steps = every_step(bank_of_its_own.settings, bank_of_its_own.intake)
    assert all(steps.parts(job) for job in get_args(JobName))
    assert [part.name for part in steps.parts(CLOSE_DAY)] == ["lending", "rewards"]


async def test_a_date_ahead_credits_the_cashbacks_of_its_day_and_is_closed_when_they_are_there(
    bank_of_its_own,
):
    # Given a payment of yesterday, whose cashback is due in a minute
    bank = bank_of_its_own
    account = await bank.account(20_000)
    ours = desk(bank, every_step(bank.settings, bank.intake))
    await bank.intake.submit(orders.payment(Party(str(account)), Decimal(100), payee="Stadtwerke"))
    await bank.settler(kinds=every_kind(bank.settings)).drain()
    today = (await today_of(bank)).calendar_date
    await bank.as_owner("UPDATE cashbacks SET due_at = clock_timestamp() + interval '1 minute'")
    # When today is closed, it is not due yet
    await close.close_through(ours, today)
    assert await bank.balance(account) == 10_000
    # When the bank's clock is moved to tomorrow's end, it is
    await close.close_through(ours, today + DAY)
    assert await bank.balance(account) == 10_200
    # And once only
    await close.close_through(ours, today + 2 * DAY)
    assert await bank.balance(account) == 10_200


async def test_what_falls_due_after_the_shares_were_cut_is_credited_with_its_date(
    bank_of_its_own, monkeypatch
):
    # Given the share that was cut when nothing was due, and then three cashbacks that are
    bank = bank_of_its_own
    cashbacks = Cashbacks(bank.intake, "UTC")
    today = (await today_of(bank)).calendar_date
    async with bank.database.read() as reader:
        (share,) = await cashbacks.shares(reader, today)
    assert share == Share(UUID(int=0), None, 0)
    account = Party(str(await bank.account(30_000)))
    for _ in range(3):
        await bank.intake.submit(orders.payment(account, Decimal(100), payee="Stadtwerke"))
    await bank.settler(kinds=every_kind(bank.settings)).drain()
    await bank.as_owner(
        "UPDATE cashbacks SET due_at = clock_timestamp() WHERE transaction_id IS NULL"
    )
    # When it is credited, with fewer looked at in one statement than there are
    monkeypatch.setattr(cashback, "AT_ONCE", 2)
    async with bank.database.unit_of_work() as unit:
        work = Work(UUID(int=1), CLOSE_DAY, today, share)
        credited = await cashbacks.credit(unit, work)
        await unit.commit()
    # Then all are
    assert len(credited.submitted) == 3
    await bank.settler(kinds=every_kind(bank.settings)).drain()
    assert await bank.balance(UUID(account.name)) == 600


async def test_a_part_begins_when_all_that_the_one_before_submitted_is_settled(bank_of_its_own):
    # Given a first part whose shares each move money, and a second that looks at what was moved
    bank = bank_of_its_own
    account, other = await bank.account(10_000), await bank.account()
    submitted: list[UUID] = []
    seen: list[str] = []

    async def move(unit: UnitOfWork, _work: Work) -> StepDone:
        order = transfer_order(account, other, "1.00")
        await bank.intake.accept(unit, [order])
        submitted.append(order.id)
        return StepDone([order.id])

    async def look_back(unit: UnitOfWork, work: Work) -> None:
        assert await all_final(unit.connection, work.waited_for)
        seen.append("settled")

    async def look(unit: UnitOfWork, _work: Work) -> None:
        assert await all_final(unit.connection, submitted)
        seen.append("second part")

    steps = Steps()
    phases = (Phase("move", (move,)), Phase("look", (look_back,), follow_up=True))
    steps.register(CLOSE_DAY, Part("first", Ids(12), phases, counted=True))
    steps.register(CLOSE_DAY, Part("second", Ids(2, at_once=1), (Phase("look", (look,)),)))
    # When a date is closed
    run = await close_next(bank, steps)
    # Then each share of the first was done before any of the second
    assert run.status == "completed"
    assert seen == ["settled"] * 3 + ["second part"] * 2
    assert (await bank.balance(account), await bank.balance(other)) == (9_700, 300)


async def test_what_cannot_be_done_is_cut_until_it_stands_alone_and_the_parts_after_it_go_on(
    bank_of_its_own,
):
    ids, after = Ids(8, broken=5), Ids(1)
    steps = Steps()
    steps.register(CLOSE_DAY, Part("first", ids, (Phase("do", (ids.do,)),), counted=True))
    steps.register(CLOSE_DAY, Part("second", after, (Phase("do", (after.do,)),)))
    run = await close_next(bank_of_its_own, steps)
    assert (run.status, run.total, run.failed) == ("completed", 8, 1)
    assert run.error == "LookupError('no 5')"
    assert [line for line in ids.log if line.startswith("left out")] == ["left out [5]"]
    assert sum(int(line.split()[1]) for line in ids.log if line.startswith("did")) == 7
    assert after.log == ["did 1"]


@pytest.mark.parametrize(
    ("known", "unknown"),
    [
        (Part("first", Ids(4), (Phase("do", ()),)), "no part 'theirs'"),
        (Part("theirs", Ids(4), (Phase("do otherwise", ()),)), "no phase 'do'"),
    ],
)
async def test_what_this_process_does_not_know_is_given_up(bank_of_its_own, known, unknown):
    # Given a run that a process with other steps has cut into chunks
    bank = bank_of_its_own
    theirs, ours = Steps(), Steps()
    theirs.register(CLOSE_DAY, Part("theirs", Ids(4), (Phase("do", ()),)))
    ours.register(CLOSE_DAY, known)
    run_id = await cut(bank, theirs)
    # When this one drives it
    run = await asyncio.wait_for(drive.drive(desk(bank, ours), run_id), timeout=60)
    # Then the run ends, and says why
    assert run.status == "failed"
    assert run.error is not None
    assert unknown in run.error


async def test_workers_that_look_for_work_at_once_take_different_chunks(bank_of_its_own):
    bank = bank_of_its_own
    steps = Steps()
    steps.register(CLOSE_DAY, Part("first", Ids(2, at_once=1), (Phase("do", ()),)))
    run_id = await cut(bank, steps)
    # While one takes a chunk and has not committed yet
    async with bank.database.unit_of_work() as one, bank.database.unit_of_work() as other:
        taken = await take(one, run_id, steps)
        # Another waits for nothing
        taken += await asyncio.wait_for(take(other, run_id, steps), timeout=5)
        assert await asyncio.wait_for(take(other, run_id, steps), timeout=5) == []
    assert taken == [1, 2]
    # And what was rolled back is done by whoever drives the run
    assert (await drive.drive(desk(bank, steps), run_id)).status == "completed"


async def test_a_workload_of_several_jobs_is_asked_once(bank_of_its_own):
    ids, steps = Ids(1), Steps()
    for job in (CLOSE_DAY, "by hand"):
        steps.register(job, Part("first", ids, (Phase("do", ()),)))
    async with bank_of_its_own.database.read() as reader:
        await steps.open_since(reader)
    assert ids.asked == 1


async def test_a_part_that_is_given_up_keeps_no_other_waiting(bank_of_its_own, monkeypatch):
    monkeypatch.setattr(chunks, "MAX_SET_ASIDE", 0)
    ids, after = Ids(1, broken=0), Ids(1)
    steps = Steps()
    steps.register(CLOSE_DAY, Part("first", ids, (Phase("do", (ids.do,)),)))
    steps.register(CLOSE_DAY, Part("second", after, (Phase("do", (after.do,)),)))
    before = await today_of(bank_of_its_own)
    with pytest.raises(close.RunFailed, match="no 0"):
        await close_next(bank_of_its_own, steps)
    assert after.log == ["did 1"]
    assert await today_of(bank_of_its_own) == before, "the date stays open"
