"""A transaction that breaks the worker is set aside, and never blocks the others."""

from collections.abc import Sequence
from unittest.mock import AsyncMock
from uuid import UUID

import asyncpg
import pytest

from core.foundation.database import UnitOfWork
from core.foundation.errors import GiroError
from core.foundation.locks import Locks
from core.transactions.decide import Movement, Outcome, Rule, move_amount
from core.transactions.finish import Finisher
from core.transactions.kinds import Kinds
from core.transactions.orders import Order
from core.transactions.settle import Settler
from core.transactions.waiting import Announcer
from tests.quiet import Quiet, transfer_order
from tests.transactions.books import assert_books_are_sound


class Poison:
    """A type that breaks at a stage of its own, for one transaction in particular."""

    type = "transfer"

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.victims: set[UUID] = set()
        self.ended: dict[UUID, Outcome] = {}

    async def load(self, unit: UnitOfWork, movements: Sequence[Movement]) -> Rule:
        if self.stage == "load" and self.victims & {m.id for m in movements}:
            raise RuntimeError("poison in load")
        return self.rule

    def rule(self, movement: Movement, accounts: object) -> Sequence[object]:
        legs = move_amount(movement, {})
        if movement.id not in self.victims:
            return legs
        if self.stage == "rule":
            raise ZeroDivisionError
        if self.stage == "legs":
            return (legs[0], legs[1]._replace(amount_minor=1))
        if self.stage == "no account":
            return (legs[0], legs[1]._replace(account_id=UUID(int=1)))
        if self.stage == "no ledger account":
            return (legs[0], legs[1]._replace(account_id=None, ledger_code="tulips"))
        return legs

    async def apply(self, unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
        self.ended |= {outcome.movement.id: outcome for outcome in outcomes}
        if self.victims & {outcome.movement.id for outcome in outcomes}:
            if self.stage == "apply":
                await unit.connection.execute("SELECT 1 / 0")
            if self.stage == "argument":
                await unit.connection.execute("SELECT $1::bigint", 2**70)


STAGES = ["load", "rule", "legs", "no account", "no ledger account", "apply", "argument"]


def with_poison(quiet: Quiet, poison: Poison) -> Settler:
    kinds = Kinds()
    kinds._kinds.pop("transfer")
    kinds.register(poison)  # type: ignore[arg-type]
    return quiet.settler(kinds=kinds)


async def submit_all(quiet: Quiet, orders: Sequence[Order]) -> list[UUID]:
    return [(await quiet.intake.submit(order)).transaction_id for order in orders]


@pytest.mark.parametrize("stage", STAGES)
async def test_a_poisonous_row_is_set_aside_and_the_others_settle(quiet: Quiet, stage: str) -> None:
    # Given a queue with one poisonous payment between sound ones of other people's
    poison = Poison(stage)
    orders = []
    for _ in range(5):
        orders.append(transfer_order(await quiet.account(1_000), await quiet.account(), 1))
    poison.victims.add(orders[2].id)
    ids = await submit_all(quiet, orders)
    worker = with_poison(quiet, poison)
    # When the worker drains once, all others are settled already
    await worker.drain()
    states = await quiet.states(ids)
    assert [s for n, s in enumerate(states) if n != 2] == [("success", None)] * 4
    # Then the poisonous one is set aside after its third attempt, with its kind's effect
    await worker.drain()
    assert (await quiet.states(ids))[2] == ("failed", "internal")
    assert poison.ended[ids[2]].was_set_aside
    await assert_books_are_sound(quiet)


@pytest.mark.parametrize("trouble", [asyncpg.DeadlockDetectedError, asyncpg.SerializationError])
async def test_a_conflict_while_one_is_set_aside_does_not_end_the_round(
    quiet: Quiet, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    # Given a poisonous payment before a sound one, tried as often as it may be but once
    poison = Poison("rule")
    orders = [transfer_order(await quiet.account(100), await quiet.account(), 1) for _ in range(2)]
    poison.victims.add(orders[0].id)
    ids = await submit_all(quiet, orders)
    await quiet.as_owner("UPDATE transactions SET attempts = 2 WHERE id = $1", ids[0])
    worker = with_poison(quiet, poison)
    # When setting it aside runs into somebody else's unit of work
    with monkeypatch.context() as patched:
        patched.setattr(Finisher, "set_aside", AsyncMock(side_effect=trouble("in the way")))
        await worker.drain()
    # Then the sound one is settled nevertheless, and the poisonous one is set aside later
    assert await quiet.states(ids) == [("pending", None), ("success", None)]
    await worker.drain()
    assert (await quiet.states(ids))[0] == ("failed", "internal")


async def test_whoever_waits_for_what_is_set_aside_is_told(quiet: Quiet) -> None:
    told: list[UUID] = []

    class Listening(Announcer):
        async def announce(self, transaction_ids: Sequence[UUID]) -> None:
            told.extend(transaction_ids)

    poison, kinds = Poison("load"), Kinds()
    kinds.replace(poison)  # type: ignore[arg-type]
    locks = Locks(quiet.redis, ttl_seconds=5)
    worker = Settler(
        quiet.database, locks, kinds, Listening(quiet.redis), batch_size=10, time_zone="UTC"
    )
    order = transfer_order(await quiet.account(100), await quiet.account(), 1)
    poison.victims.add(order.id)
    (transaction_id,) = await submit_all(quiet, [order])
    for _ in range(3):
        await worker.drain()
    assert told == [transaction_id]


@pytest.mark.parametrize("stage", ["rule", "argument"])
async def test_rows_that_share_the_poisons_accounts_settle_in_order_once_it_is_set_aside(
    quiet: Quiet, stage: str
) -> None:
    # Given a payment before the poisonous one, and two after it from the same payer
    poison = Poison(stage)
    anna, bert = await quiet.account(300), await quiet.account()
    orders = [transfer_order(anna, bert, 1) for _ in range(4)]
    poison.victims.add(orders[1].id)
    ids = await submit_all(quiet, orders)
    worker = with_poison(quiet, poison)
    # When the sweep has rung a few times
    for _ in range(3):
        await worker.drain()
    # Then all have ended; the poisonous one moved nothing, so the last is covered, too
    assert await quiet.states(ids) == [
        ("success", None),
        ("failed", "internal"),
        ("success", None),
        ("success", None),
    ]
    assert await quiet.balance(anna) == 0
    await assert_books_are_sound(quiet)


async def test_what_the_poison_held_back_settles_in_the_drain_that_sets_it_aside(
    quiet: Quiet,
) -> None:
    poison = Poison("rule")
    anna, bert = await quiet.account(300), await quiet.account()
    orders = [transfer_order(anna, bert, 1) for _ in range(2)]
    poison.victims.add(orders[0].id)
    ids = await submit_all(quiet, orders)
    worker = with_poison(quiet, poison)
    while (await quiet.states(ids))[0] == ("pending", None):
        await worker.drain()
    assert (await quiet.states(ids))[1] == ("success", None)


async def test_a_type_that_no_worker_knows_is_set_aside(
    quiet: Quiet, superuser: asyncpg.Connection
) -> None:
    # Given a row that somebody put in by hand, of a type that this worker has no kind for
    anna, bert = await quiet.account(1_000), await quiet.account()
    before = await quiet.transfer(anna, bert, 1)
    strange = await superuser.fetchval(
        "INSERT INTO transactions (id, type, amount_minor, currency, debit_account_id,"
        " credit_account_id, created_at)"
        " VALUES (gen_random_uuid(), 'tulip', 5, 'EUR', $1, $2, now()) RETURNING id",
        anna,
        bert,
    )
    after = await quiet.transfer(anna, bert, 1)
    worker = quiet.settler()
    for _ in range(3):
        await worker.drain()
    assert await quiet.states([before.transaction_id, strange, after.transaction_id]) == [
        ("success", None),
        ("failed", "internal"),
        ("success", None),
    ]


async def test_a_refusal_of_a_rule_is_no_poison(quiet: Quiet) -> None:
    class Strict(Poison):
        def rule(self, movement: Movement, accounts: object) -> Sequence[object]:
            if movement.id in self.victims:
                raise GiroError("not today")
            return move_amount(movement, {})

    strict = Strict("none")
    anna, bert = await quiet.account(300), await quiet.account()
    orders = [transfer_order(anna, bert, 1) for _ in range(3)]
    strict.victims.add(orders[1].id)
    ids = await submit_all(quiet, orders)
    assert await with_poison(quiet, strict).drain() == 3
    assert [status for status, _ in await quiet.states(ids)] == ["success", "failed", "success"]
