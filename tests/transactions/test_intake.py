"""What is accepted is on disk once, in order, whoever asks how often and whatever breaks."""

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from core.foundation.database import Database
from core.foundation.errors import (
    AccountFrozen,
    AccountNotFound,
    DatabaseUnavailable,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidAmount,
    OutcomeUnknown,
    SameAccount,
)
from core.foundation.ids import new_id
from core.foundation.money import MAX_MAJOR_UNITS
from core.ledger.accounts import find_account
from core.transactions import accepting
from core.transactions.accepting import accept
from core.transactions.batch import submit_batch
from core.transactions.details import PaymentDetails
from core.transactions.intake import Intake
from core.transactions.orders import Accepted, Idempotency, Order, Party
from tests.quiet import Quiet, Silence, transfer_order
from tests.transactions.wire import Wire


@pytest_asyncio.fixture(loop_scope="session")
async def api_processes(quiet: Quiet) -> AsyncIterator[list[Intake]]:
    """Three API processes, as far as the bank can tell: each with a pool and an intake."""
    pools = [Database.from_settings(quiet.settings, name=f"api-{n}") for n in range(3)]
    yield [Intake(pool, Silence()) for pool in pools]
    for pool in pools:
        await pool.close()


async def count_by_key(quiet: Quiet, key: Idempotency) -> tuple[int, int]:
    """How many keys and how many transactions there are behind one key."""
    async with quiet.database.read() as reader:
        row = await reader.fetchrow(
            "SELECT count(*), count(t.id) FROM idempotency_keys k"
            " LEFT JOIN transactions t ON t.id = k.resource_id"
            " WHERE k.owner_id = $1 AND k.key = $2",
            key.owner_id,
            key.key,
        )
    assert row is not None
    return row[0], row[1]


async def pending_of(quiet: Quiet, account: UUID) -> list[UUID]:
    """The pending payments of an account in the order of acceptance."""
    async with quiet.database.read() as reader:
        rows = await reader.fetch(
            "SELECT id FROM transactions WHERE debit_account_id = $1 AND status = 'pending'"
            " ORDER BY seq",
            account,
        )
    return [row["id"] for row in rows]


async def set_status(quiet: Quiet, account: UUID, status: str) -> None:
    async with quiet.database.unit_of_work() as unit:
        await unit.connection.execute(
            "UPDATE accounts SET status = $2 WHERE id = $1", account, status
        )
        await unit.commit()


# --- idempotency ----------------------------------------------------------------------------------


async def test_fifty_parallel_submits_with_one_key_make_one_transaction(
    quiet: Quiet, api_processes: list[Intake]
) -> None:
    # Given a customer whose app sends the same payment fifty times to three API processes
    anna, bert = await quiet.account(100_000), await quiet.account()
    key = Idempotency(new_id(), "rent for March")
    orders = [transfer_order(anna, bert, 500, idempotency=key) for _ in range(50)]
    # When they all arrive at once
    answers = await asyncio.gather(
        *(api_processes[i % 3].submit(order) for i, order in enumerate(orders))
    )
    # Then there is one payment, one answer was its own and forty-nine are its echo
    assert len({answer.transaction_id for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 49
    assert await count_by_key(quiet, key) == (1, 1)
    assert await pending_of(quiet, anna) == [answers[0].transaction_id]
    await quiet.settler().drain()
    assert await quiet.balance(anna) == 50_000


async def test_many_keys_raced_by_several_processes_make_one_transaction_each(
    quiet: Quiet, api_processes: list[Intake]
) -> None:
    anna, bert = await quiet.account(100_000), await quiet.account()
    owner = new_id()
    keys = [Idempotency(owner, f"payment {n}") for n in range(20)]
    # Each process gets the keys in another order: what would deadlock, deadlocks here.
    streams = [keys, keys[::-1], keys[10:] + keys[:10]]
    answers = await asyncio.gather(
        *(
            intake.submit(transfer_order(anna, bert, 1, idempotency=key))
            for intake, stream in zip(api_processes, streams, strict=True)
            for key in stream
        )
    )
    assert len({answer.transaction_id for answer in answers}) == 20
    assert sum(not answer.replayed for answer in answers) == 20
    assert len(await pending_of(quiet, anna)) == 20
    await quiet.settler().drain()


@pytest.mark.parametrize("other", ["amount", "payee", "description"])
async def test_a_key_with_another_body_is_refused(quiet: Quiet, other: str) -> None:
    anna, bert, carl = await quiet.account(10_000), await quiet.account(), await quiet.account()
    key = Idempotency(new_id(), "k")
    first = await quiet.transfer(anna, bert, 10, idempotency=key)
    changed = {
        "amount": transfer_order(anna, bert, 11, idempotency=key),
        "payee": transfer_order(anna, carl, 10, idempotency=key),
        "description": transfer_order(anna, bert, 10, idempotency=key, description="x"),
    }[other]
    with pytest.raises(IdempotencyKeyReused):
        await quiet.intake.submit(changed)
    assert await pending_of(quiet, anna) == [first.transaction_id]
    await quiet.settler().drain()


async def test_the_same_amount_written_otherwise_is_the_same_body(quiet: Quiet) -> None:
    anna, bert = await quiet.account(10_000), await quiet.account()
    key = Idempotency(new_id(), "k")
    first = await quiet.transfer(anna, bert, "10", idempotency=key)
    again = await quiet.transfer(anna, bert, "10.00", idempotency=key)
    assert (again.transaction_id, again.replayed) == (first.transaction_id, True)
    await quiet.settler().drain()


async def test_two_customers_may_use_the_same_key(quiet: Quiet) -> None:
    anna, bert = await quiet.account(10_000), await quiet.account(10_000)
    first = await quiet.transfer(anna, bert, 10, idempotency=Idempotency(new_id(), "k"))
    second = await quiet.transfer(bert, anna, 10, idempotency=Idempotency(new_id(), "k"))
    assert first.transaction_id != second.transaction_id
    assert not second.replayed
    await quiet.settler().drain()


async def test_a_key_still_replays_after_the_money_is_gone_and_the_account_frozen(
    quiet: Quiet,
) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    key = Idempotency(new_id(), "k")
    first = await quiet.transfer(anna, bert, 10, idempotency=key)
    await quiet.settler().drain()
    await set_status(quiet, anna, "frozen")

    again = await quiet.transfer(anna, bert, 10, idempotency=key)
    assert again == Accepted(first.transaction_id, "success", replayed=True)
    with pytest.raises(AccountFrozen):
        await quiet.transfer(anna, bert, 10)


async def test_a_refused_submit_leaves_its_key_free(quiet: Quiet) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    key = Idempotency(new_id(), "k")
    with pytest.raises(InsufficientFunds):
        await quiet.transfer(anna, bert, 11, idempotency=key)
    assert await count_by_key(quiet, key) == (0, 0)
    accepted = await quiet.transfer(anna, bert, 10, idempotency=key)
    assert not accepted.replayed
    await quiet.settler().drain()


async def test_the_key_of_a_batch_is_no_key_of_a_transfer(quiet: Quiet) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    owner = new_id()
    order = transfer_order(anna, bert, 1)
    batch = await submit_batch(
        quiet.database, quiet.intake, [order], owner_id=owner, idempotency_key="k"
    )
    with pytest.raises(IdempotencyKeyReused):
        await quiet.transfer(anna, bert, 1, idempotency=Idempotency(owner, "k"))
    again = await submit_batch(
        quiet.database,
        quiet.intake,
        [transfer_order(anna, bert, 1)],
        owner_id=owner,
        idempotency_key="k",
    )
    assert (again.id, again.replayed) == (batch.id, True)
    await quiet.settler().drain()


# --- one for all, and none for another ------------------------------------------------------------


async def results_of(intake: Intake, orders: list[Order]) -> list[Accepted | BaseException]:
    return await asyncio.gather(*(intake.submit(order) for order in orders), return_exceptions=True)


@pytest.mark.parametrize(
    "breaking",
    [
        {"description": "before\x00after"},
        {"description": "half a pair: \ud83d"},
        {"reference": "\x00"},
        {"details": PaymentDetails("\x00")},
        {"request_id": "\udfff"},
        {"batch_id": UUID(int=7)},
    ],
    ids=["NUL", "lone surrogate", "NUL in reference", "NUL in json", "surrogate", "no batch"],
)
async def test_an_order_that_breaks_the_insert_breaks_for_itself_alone(
    quiet: Quiet, breaking: dict[str, object]
) -> None:
    # Given orders that share a commit, one of which the database will not take
    anna, bert = await quiet.account(10_000), await quiet.account()
    orders = [transfer_order(anna, bert, 1) for _ in range(9)]
    orders[4] = dataclasses.replace(orders[4], **breaking)
    # When they are submitted together (the first keeps the lanes busy while the others gather)
    answers = await results_of(Intake(quiet.database, Silence(), lanes=1), orders)
    # Then it alone fails, and the others are in, in order
    assert [isinstance(answer, Accepted) for answer in answers] == [True] * 4 + [False] + [True] * 4
    good = [order.id for order in orders if order is not orders[4]]
    assert await pending_of(quiet, anna) == good
    await quiet.settler().drain()


async def test_refusals_are_each_ones_own(quiet: Quiet) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    orders = [
        transfer_order(anna, bert, 1),
        transfer_order(anna, anna, 1),
        transfer_order(anna, new_id(), 1),
        transfer_order(anna, bert, "0.001"),
        transfer_order(anna, bert, 0),
        transfer_order(anna, bert, -1),
        transfer_order(anna, bert, 100),
        transfer_order(anna, bert, 2),
    ]
    answers = await results_of(Intake(quiet.database, Silence(), lanes=1), orders)
    assert [type(answer) for answer in answers] == [
        Accepted,
        SameAccount,
        AccountNotFound,
        InvalidAmount,
        InvalidAmount,
        InvalidAmount,
        InsufficientFunds,
        Accepted,
    ]
    await quiet.settler().drain()


async def test_an_account_of_somebody_else_is_not_found(quiet: Quiet) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    order = dataclasses.replace(
        transfer_order(anna, bert, 1), debit=Party(str(anna), owner_id=new_id())
    )
    with pytest.raises(AccountNotFound):
        await quiet.intake.submit(order)


async def test_a_number_that_cannot_be_one_of_ours_is_looked_up_nowhere(quiet: Quiet) -> None:
    """Were it asked for, the database would find this account."""
    anna, bert = await quiet.account(1_000), await quiet.account()
    wrong = "9000000000"
    await quiet.as_owner("UPDATE accounts SET account_number = $1 WHERE id = $2", wrong, bert)
    order = dataclasses.replace(transfer_order(anna, bert, 1), credit=Party(wrong))
    with pytest.raises(AccountNotFound):
        await quiet.intake.submit(order)
    async with quiet.database.unit_of_work() as unit:
        with pytest.raises(AccountNotFound):
            await find_account(unit.session, wrong)


async def test_rows_keep_the_order_of_submission(quiet: Quiet) -> None:
    anna, bert = await quiet.account(100_000), await quiet.account()
    orders = [transfer_order(anna, bert, 1) for _ in range(700)]
    await asyncio.gather(*(quiet.intake.submit(order) for order in orders))
    # Two lanes may pass each other, but nobody's second submit passes the first: here one lane.
    await quiet.settler().drain()
    orders = [transfer_order(bert, anna, 1) for _ in range(700)]
    await results_of(Intake(quiet.database, Silence(), lanes=1), orders)
    assert await pending_of(quiet, bert) == [order.id for order in orders]
    await quiet.settler().drain()


async def test_one_after_another_is_in_order_over_all_processes(
    quiet: Quiet, api_processes: list[Intake]
) -> None:
    anna, bert = await quiet.account(10_000), await quiet.account()
    accepted = [
        (await api_processes[n % 3].submit(transfer_order(anna, bert, 1))).transaction_id
        for n in range(12)
    ]
    assert await pending_of(quiet, anna) == accepted
    await quiet.settler().drain()


# --- what is on its way ---------------------------------------------------------------------------


async def test_pending_credits_make_a_spend_acceptable_and_no_more_than_they_cover(
    quiet: Quiet,
) -> None:
    anna, bert = await quiet.account(500), await quiet.account()
    await quiet.deposit(anna, 20)
    spend = await quiet.transfer(anna, bert, 25)
    with pytest.raises(InsufficientFunds):
        await quiet.transfer(anna, bert, "25.01")
    await quiet.settler().drain()
    assert await quiet.states([spend.transaction_id]) == [("success", None)]


async def test_a_credit_earlier_in_the_same_commit_counts_and_a_later_one_does_not(
    quiet: Quiet,
) -> None:
    anna, bert, carl = await quiet.account(1_000), await quiet.account(), await quiet.account()
    orders = [
        transfer_order(bert, carl, 5),
        transfer_order(anna, bert, 5),
        transfer_order(bert, carl, 5),
    ]
    batch = await submit_batch(quiet.database, quiet.intake, orders, owner_id=new_id())
    assert [item["code"] for item in batch.items] == ["insufficient_funds", None, None]
    await quiet.settler().drain()
    assert await quiet.balance(carl) == 500


# --- the connection is lost -----------------------------------------------------------------------


async def test_a_connection_lost_before_the_commit_is_tried_again(
    quiet: Quiet, superuser: asyncpg.Connection
) -> None:
    # Given an API process with eight connections at rest
    anna, bert = await quiet.account(10_000), await quiet.account()
    pool = Database(quiet.settings.database_url, name="cut", pool_size=8)
    intake = Intake(pool, Silence())
    for _ in range(2):
        await asyncio.gather(*(hold_a_connection(pool) for _ in range(8)))
        # When all its backends are terminated at once, as by a restart of the server
        cut = await superuser.fetchval(
            "SELECT count(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'giro-cut'"
        )
        assert cut == 8
        # Then the next submit does not notice
        await intake.submit(transfer_order(anna, bert, 1))
    await pool.close()
    assert len(await pending_of(quiet, anna)) == 2
    await quiet.settler().drain()


async def hold_a_connection(pool: Database) -> None:
    async with pool.read():
        await asyncio.sleep(0.05)


async def test_a_connection_lost_at_any_moment_of_the_submit_makes_no_double_and_no_loss(
    quiet: Quiet, superuser: asyncpg.Connection
) -> None:
    # Given submits that go on while their backends are terminated again and again
    anna, bert = await quiet.account(1_000_000), await quiet.account()
    pool = Database(quiet.settings.database_url, name="cut", pool_size=4)
    intake = Intake(pool, Silence())
    cuts = 0

    async def cut() -> None:
        nonlocal cuts
        while cuts < 10:
            cuts += await superuser.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'giro-cut'"
                " ORDER BY state, random() LIMIT 1) AS v"
            )
            await asyncio.sleep(random.uniform(0.001, 0.03))

    async def customer() -> list[UUID]:
        accepted: list[UUID] = []
        while (cuts < 10 or len(accepted) < 10) and len(accepted) < 3_000:
            order = transfer_order(anna, bert, 1)
            # Unknown: it may be in or not, and twice it is in neither case.
            with suppress(DatabaseUnavailable, OutcomeUnknown):
                answer = await intake.submit(order)
                assert answer.transaction_id == order.id
                accepted.append(order.id)
        return accepted

    cutter = asyncio.create_task(cut())
    lives = await asyncio.gather(*(customer() for _ in range(12)))
    await cutter
    await pool.close()
    # Then what was accepted is in exactly once
    accepted = [one for life in lives for one in life]
    pending = await pending_of(quiet, anna)
    assert cuts >= 10
    assert len(pending) == len(set(pending))
    assert set(accepted) <= set(pending)
    assert len(accepted) == len(set(accepted))
    await quiet.settler().drain()


@pytest.mark.parametrize("keyed", [False, True])
async def test_a_commit_whose_answer_was_lost_is_read_back(quiet: Quiet, *, keyed: bool) -> None:
    # Given an API process whose wire to the database breaks between the commit and its answer
    anna, bert = await quiet.account(10_000), await quiet.account()
    async with Wire.open(quiet.settings.database_url) as wire:
        pool = Database(wire.url, name="wired", pool_size=2)
        for n in range(4):
            key = Idempotency(new_id(), str(n)) if keyed else None
            order = transfer_order(anna, bert, 1, idempotency=key)
            wire.lose_answer_to(order.id.bytes)
            # When a payment is submitted over it
            answer = await Intake(pool, Silence()).submit(order)
            # Then it is accepted all the same, as itself
            assert answer == Accepted(order.id, "pending")
        await pool.close()
    assert wire.cuts == 4
    assert len(await pending_of(quiet, anna)) == 4
    await quiet.settler().drain()


async def test_a_batch_whose_commit_lost_its_answer_is_found_again(quiet: Quiet) -> None:
    anna, bert = await quiet.account(10_000), await quiet.account()
    orders = [transfer_order(anna, bert, 1) for _ in range(3)]
    async with Wire.open(quiet.settings.database_url) as wire:
        pool = Database(wire.url, name="wired", pool_size=2)
        wire.lose_answer_to(b"COMMIT;")
        batch = await submit_batch(
            pool, Intake(pool, Silence()), orders, owner_id=new_id(), idempotency_key="k"
        )
        await pool.close()
    assert wire.cuts == 1
    assert (batch.accepted, batch.pending) == (3, 3)
    assert len(await pending_of(quiet, anna)) == 3
    await quiet.settler().drain()


async def test_money_sent_to_and_fro_disturbs_nobodys_intake(quiet: Quiet) -> None:
    """What is to come is counted for whoever is short; it can be more than any amount."""
    # Given one who has a fils and two accounts, and sends all that is to come back each time
    payer, payee = await quiet.account(currency="KWD"), await quiet.account(currency="KWD")
    await quiet.deposit(payer, "0.001")
    await quiet.settler().drain()
    to_come = {payer: Decimal("0.001"), payee: Decimal(0)}
    orders = []
    while min(to_come.values()) <= Decimal(2**63) / 1000:
        amount = min(to_come[payer], Decimal(MAX_MAJOR_UNITS))
        orders.append(transfer_order(payer, payee, amount))
        to_come[payee] += amount
        payer, payee = payee, payer
    async with quiet.database.unit_of_work() as unit:
        accepted = await accept(unit.connection, orders)
        assert all(isinstance(result, Accepted) for result in accepted)
        # When one more order comes in beside somebody else's
        bystander = transfer_order(
            await quiet.account(1_000), await quiet.account(), Decimal("0.01")
        )
        results = await accept(unit.connection, [transfer_order(payer, payee, 1), bystander])
    # Then both are accepted, and settlement will tell
    assert all(isinstance(result, Accepted) for result in results)


async def test_a_twin_that_settles_meanwhile_makes_a_replay_and_no_refusal(
    quiet: Quiet, api_processes: list[Intake], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given all of an account's money, sent twice with one key
    anna, bert = await quiet.account(1_000), await quiet.account()
    key = Idempotency(new_id(), "once")
    first, second = (transfer_order(anna, bert, "10", idempotency=key) for _ in range(2))
    look_at_accounts = accepting._directory

    # When the other one is accepted and settles after this one has looked for replays
    async def late(*given: Any) -> Any:
        monkeypatch.setattr(accepting, "_directory", look_at_accounts)
        await api_processes[0].submit(first)
        await quiet.settler().drain()
        return await look_at_accounts(*given)

    monkeypatch.setattr(accepting, "_directory", late)
    answer = await api_processes[1].submit(second)
    # Then this one is a replay of it, and not short of money
    assert answer == Accepted(first.id, "success", replayed=True)
    assert await quiet.balance(bert) == 1_000
