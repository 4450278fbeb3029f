"""Whatever commits an acceptance rings, once, and nothing rings for what is not on disk."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from unittest.mock import AsyncMock

import pytest

from core.foundation.database import Database
from core.foundation.errors import InsufficientFunds
from core.foundation.ids import new_id
from core.ledger.chart import LedgerCode
from core.transactions import batch
from core.transactions.batch import submit_batch
from core.transactions.intake import Intake
from core.transactions.orders import BankOrder
from tests.quiet import Quiet, transfer_order
from tests.transactions.wire import Wire


@dataclass(eq=False)
class Bell:
    """A bell that keeps for which requests it was rung."""

    rung_for: list[str | None] = field(default_factory=list)

    def ring(self, request_id: str | None = None) -> None:
        self.rung_for.append(request_id)


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture(autouse=True)
async def _leave_nothing(quiet: Quiet) -> AsyncIterator[None]:
    yield
    await quiet.settler().drain()


async def test_a_shared_commit_rings_once_for_all_that_it_took_in(quiet: Quiet, bell: Bell) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    intake = Intake(quiet.database, bell, lanes=1)
    orders = [transfer_order(anna, bert, 1, request_id=f"r{n}") for n in range(5)]
    await asyncio.gather(*(intake.submit(order) for order in orders))
    assert bell.rung_for == ["r0"]


async def test_what_is_refused_rings_for_nobody(quiet: Quiet, bell: Bell) -> None:
    intake = Intake(quiet.database, bell)
    with pytest.raises(InsufficientFunds):
        await intake.submit(transfer_order(await quiet.account(), await quiet.account(), 1))
    assert bell.rung_for == []


async def test_a_unit_of_work_rings_when_it_is_committed(quiet: Quiet, bell: Bell) -> None:
    # Given a unit of work in which an order is taken in twice over, and one of the bank's own
    anna, bert = await quiet.account(1_000), await quiet.account()
    intake = Intake(quiet.database, bell)
    own = BankOrder("debit", 100, "EUR", LedgerCode.SUSPENSE.value, debit_account_id=anna)
    async with quiet.database.unit_of_work() as unit:
        for _ in range(2):
            await intake.accept(unit, [transfer_order(anna, bert, 1, request_id="r")])
        await intake.accept_own(unit, [own])
        assert bell.rung_for == []
        # When it is committed
        await unit.commit()
    # Then it rings once for the request, and once for the bank
    assert bell.rung_for == ["r", None]


async def test_what_the_bank_orders_for_a_request_rings_for_it(quiet: Quiet, bell: Bell) -> None:
    own = BankOrder(
        "debit", 100, "EUR", LedgerCode.SUSPENSE.value, debit_account_id=await quiet.account(1_000)
    )
    async with quiet.database.unit_of_work() as unit:
        await Intake(quiet.database, bell).accept_own(unit, [own], request_id="r")
        await unit.commit()
    assert bell.rung_for == ["r"]


async def test_a_unit_of_work_that_is_rolled_back_rings_for_nobody(
    quiet: Quiet, bell: Bell
) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    intake = Intake(quiet.database, bell)
    async with quiet.database.unit_of_work() as unit:
        await intake.accept(unit, [transfer_order(anna, bert, Decimal(1))])
    assert bell.rung_for == []


async def test_a_batch_rings_for_its_request(quiet: Quiet, bell: Bell) -> None:
    anna, bert = await quiet.account(1_000), await quiet.account()
    orders = [transfer_order(anna, bert, 1, request_id="r") for _ in range(3)]
    await submit_batch(quiet.database, Intake(quiet.database, bell), orders, owner_id=new_id())
    assert bell.rung_for == ["r"]


async def test_a_batch_that_is_replayed_rings_for_what_may_be_pending(
    quiet: Quiet, bell: Bell
) -> None:
    # Given a batch whose ring was lost
    anna, bert = await quiet.account(1_000), await quiet.account()
    orders, owner = [transfer_order(anna, bert, 1, request_id="first")], new_id()
    await submit_batch(quiet.database, quiet.intake, orders, owner_id=owner, idempotency_key="k")
    # When it comes again
    again = [transfer_order(anna, bert, 1, request_id="again")]
    replayed = await submit_batch(
        quiet.database, Intake(quiet.database, bell), again, owner_id=owner, idempotency_key="k"
    )
    # Then it rings for what the first commit left pending
    assert (replayed.replayed, replayed.pending) == (True, 1)
    assert bell.rung_for == ["again"]


@pytest.mark.parametrize(
    ("key", "seen"), [(None, True), ("k", True), ("k", False)], ids=["found", "keyed", "by its key"]
)
async def test_a_batch_whose_commit_lost_its_answer_rings(
    quiet: Quiet, bell: Bell, monkeypatch: pytest.MonkeyPatch, key: str | None, *, seen: bool
) -> None:
    # Given a commit that goes through and is not answered, maybe a moment after it is looked for
    if not seen:
        monkeypatch.setattr(batch, "_is_there", AsyncMock(return_value=False))
    anna, bert = await quiet.account(1_000), await quiet.account()
    orders = [transfer_order(anna, bert, 1, request_id="r")]
    async with Wire.open(quiet.settings.database_url) as wire:
        pool = Database(wire.url, name="wired", pool_size=2)
        wire.lose_answer_to(b"COMMIT;")
        found = await submit_batch(
            pool, Intake(pool, bell), orders, owner_id=new_id(), idempotency_key=key
        )
        await pool.close()
    # Then it is found, and rings
    assert (wire.cuts, found.pending) == (1, 1)
    assert bell.rung_for == ["r"]
