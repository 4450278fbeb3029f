"""One scheduler leads, by a lease that no wall clock judges; a deposed one changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from inspect import get_annotations

import pytest
import pytest_asyncio
import time_machine

from core.business_day import runs
from core.business_day.dates import BankClock
from core.foundation import clock
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.foundation.sqlstates import is_connection_loss
from core.lending.steps import EMI_COLLECTION
from core.operations.leadership import (
    LEASE_SECONDS,
    Beat,
    Candidate,
    Deposed,
    FencedDatabase,
    Term,
    database_now,
    renew,
    resign,
)
from core.transactions import orders
from core.transactions.orders import Order, Party
from tests.conftest import fresh_settings
from tests.quiet import Quiet
from worker.clockwork import Clockwork
from worker.runtime import Runtime

HOUR = timedelta(hours=1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town() -> AsyncIterator[Quiet]:
    """A bank on whose database no scheduler runs."""
    settings = fresh_settings("leaders")
    database = Database.from_settings(settings, name="test")
    async with Quiet.open(database, settings) as quiet:
        yield quiet
    await database.close()


class Hands:
    """A monotonic clock that the test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_lease_is_free_when_it_is_vacant_or_was_silent_for_its_length():
    hands, leader = Hands(), new_id()
    candidate = Candidate(new_id(), hands)
    assert candidate.may_take(Beat(None, 3, 7)), "vacant"
    assert not candidate.may_take(Beat(leader, 4, 1))
    hands.seconds += LEASE_SECONDS - 0.1
    assert not candidate.may_take(Beat(leader, 4, 1))
    # A beat, and the wait begins anew; so it does with another leader's first beat.
    assert not candidate.may_take(Beat(leader, 4, 2))
    hands.seconds += LEASE_SECONDS - 0.1
    assert not candidate.may_take(Beat(new_id(), 5, 2))
    hands.seconds += LEASE_SECONDS
    assert not candidate.may_take(Beat(leader, 6, 2)), "what was not seen before was not silent"
    hands.seconds += LEASE_SECONDS
    assert candidate.may_take(Beat(leader, 6, 2))


async def take(quiet: Quiet) -> Term:
    """Take the lease for somebody new, whoever has it."""
    hands = Hands()
    candidate = Candidate(new_id(), hands)
    async with quiet.database.autocommit() as connection:
        await candidate.stand(connection)
        hands.seconds += LEASE_SECONDS
        term = await candidate.stand(connection)
    assert term is not None
    return term


def test_no_unit_of_work_goes_past_the_fence() -> None:
    doors = {
        name
        for name, door in vars(Database).items()
        if callable(door) and "UnitOfWork" in str(get_annotations(door).get("return"))
    }
    assert doors == {"unit_of_work"}
    assert doors <= vars(FencedDatabase).keys()


async def test_no_statement_of_a_leader_commits_by_itself(led: Runtime) -> None:
    with pytest.raises(AssertionError, match="fence"):
        led.database.autocommit()


async def test_of_many_who_find_it_silent_one_leads(town: Quiet) -> None:
    old = await take(town)
    hands = Hands()
    candidates = [Candidate(new_id(), hands) for _ in range(8)]

    async def stand(candidate: Candidate) -> Term | None:
        async with town.database.autocommit() as connection:
            return await candidate.stand(connection)

    assert not any(await asyncio.gather(*map(stand, candidates)))
    hands.seconds += LEASE_SECONDS
    (term,) = filter(None, await asyncio.gather(*map(stand, candidates)))
    assert term.number == old.number + 1
    async with town.database.autocommit() as connection:
        assert not await renew(connection, old)
        assert await renew(connection, term)
        # Who leaves in good order is followed at once.
        await resign(connection, term)
        heir = await Candidate(new_id(), hands).stand(connection)
    assert heir is not None
    assert heir.number == term.number + 1


@pytest_asyncio.fixture(loop_scope="session")
async def led(town: Quiet) -> AsyncIterator[Runtime]:
    """What a leader of the town works with."""
    database = FencedDatabase.from_settings(town.settings, name="leader")
    database.term = await take(town)
    # Nobody to ring for: the sweep has to settle by itself.
    settings = town.settings.model_copy(
        update={"redis_url": "redis://127.0.0.1:1/0", "sweep_after_seconds": 0.01}
    )
    runtime = Runtime.start(settings, name="leader", database=database)
    yield runtime
    await runtime.close()


async def paid(town: Quiet) -> tuple[Order, Order]:
    """A settled payment whose cashback is due, and a transfer that waits to be swept."""
    anna, bert = await town.account(50_000), await town.account()
    payment = orders.payment(Party(str(anna)), Decimal(100), payee="Stadtwerke")
    await town.intake.submit(payment)
    await town.settler().drain()
    transfer = orders.transfer(Party(str(anna)), Party(str(bert)), Decimal(1))
    await town.intake.submit(transfer)
    async with town.database.unit_of_work() as unit:
        await unit.connection.execute(
            "INSERT INTO cashbacks (payment_id, account_id, currency, amount_minor, due_at)"
            " VALUES ($1, $2, 'EUR', 200, clock_timestamp() - interval '1 minute')",
            payment.id,
            anna,
        )
        await unit.commit()
    await town.as_owner(
        "UPDATE transactions SET created_at = created_at - interval '1 minute' WHERE id = $1",
        transfer.id,
    )
    return payment, transfer


CHANGED = """
SELECT (SELECT count(*) FROM transactions)
    || ' ' || (SELECT count(*) FROM transactions WHERE status = 'pending')
    || ' ' || (SELECT count(*) FROM scheduler_ticks)
    || ' ' || (SELECT count(*) FROM business_day_runs WHERE status <> 'queued')
"""


@pytest.mark.parametrize("duty", ["sweep", "run_due", "credit_cashbacks", "resume_runs"])
async def test_a_deposed_leader_changes_nothing(town: Quiet, led: Runtime, duty: str) -> None:
    # Given work for every duty of a leader
    await paid(town)
    async with town.database.unit_of_work() as unit:
        bank_clock = BankClock.of(town.settings)
        run_id = await runs.start(unit.connection, EMI_COLLECTION, clock.today(), bank_clock)
        await unit.connection.execute(
            "UPDATE business_day_runs SET created_at = created_at - interval '1 minute'"
            " WHERE id = $1",
            run_id,
        )
        await unit.commit()
    before = await value(town, CHANGED)
    # When another takes the lease before it acts
    await take(town)
    with pytest.raises(asyncio.CancelledError):
        await act(Clockwork(led), duty)
    # Then nothing has changed
    assert await value(town, CHANGED) == before
    # While the leader of today does it
    led.database.term = await take(town)  # type: ignore[attr-defined]
    await act(Clockwork(led), duty)
    assert await value(town, CHANGED) != before


async def act(clockwork: Clockwork, duty: str) -> None:
    """Do the duty; a sweep looks twice before it acts."""
    if duty == "sweep":
        await clockwork.sweep()
        await asyncio.sleep(0.02)
    await getattr(clockwork, duty)()


async def value(town: Quiet, query: str, *arguments: object) -> object:
    async with town.database.read() as reader:
        return await reader.fetchval(query, *arguments)


async def test_who_takes_the_lease_waits_for_the_commit_that_is_under_way(
    town: Quiet, led: Runtime
) -> None:
    # Given a leader in the middle of a unit of work
    async with led.database.unit_of_work() as unit:
        await unit.connection.execute(
            "INSERT INTO scheduler_ticks (job, due_at, started_at) VALUES ('mid', now(), now())"
        )
        taking = asyncio.create_task(take(town))
        await asyncio.sleep(0.3)
        # Then nobody leads beside it, and it still beats
        assert not taking.done()
        await unit.commit()
    # And what it committed was committed before its term ended
    await taking
    assert await value(town, "SELECT count(*) FROM scheduler_ticks WHERE job = 'mid'") == 1
    with pytest.raises(Deposed):
        async with led.database.unit_of_work():
            raise AssertionError("the fence let a deposed leader in")


async def test_a_leader_that_beats_is_not_held_up_by_its_own_work(
    town: Quiet, led: Runtime
) -> None:
    term = led.database.term  # type: ignore[attr-defined]
    async with led.database.unit_of_work(), town.database.autocommit() as connection:
        assert await asyncio.wait_for(renew(connection, term), 1)


async def test_a_leader_that_hangs_in_a_unit_of_work_is_ended_by_the_server(
    town: Quiet, led: Runtime
) -> None:
    async def hang() -> None:
        async with led.database.unit_of_work() as unit:
            async with asyncio.timeout(LEASE_SECONDS + 2):
                await take(town)
            await unit.connection.execute("SELECT 1")
            await unit.commit()

    with pytest.raises(Exception) as ended:  # noqa: PT011 - by what the driver had read by then
        await hang()
    assert is_connection_loss(ended.value), ended.value


async def test_a_leader_whose_own_clock_is_wrong_works_by_the_banks(
    town: Quiet, led: Runtime
) -> None:
    payment, transfer = await paid(town)
    with time_machine.travel(clock.now() - HOUR):
        clockwork = Clockwork(led)
        assert abs(await database_now(led.database) - clock.now()) > HOUR - timedelta(minutes=1)
        await act(clockwork, "sweep")
        await clockwork.credit_cashbacks()
        await clockwork.run_due()
    assert await town.states([transfer.id]) == [("success", None)]
    assert await value(
        town, "SELECT transaction_id FROM cashbacks WHERE payment_id = $1", payment.id
    )
    latest = await value(
        town,
        "SELECT max(due_at) > clock_timestamp() - interval '1 day' FROM scheduler_ticks"
        " WHERE job = 'ledger-snapshot' AND finished_at IS NOT NULL",
    )
    assert latest
