"""Many transfers in one request, accepted in one commit, each settled by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec

from core.foundation import clock
from core.foundation.again import again
from core.foundation.database import Database, Reader, UnitOfWork
from core.foundation.errors import (
    BatchNotFound,
    DatabaseUnavailable,
    GiroError,
    OutcomeUnknown,
)
from core.foundation.ids import new_id
from core.foundation.sqlstates import CommitUnknownError, constraint_name, is_retryable
from core.transactions.intake import Intake
from core.transactions.keys import win_key
from core.transactions.orders import Accepted, Idempotency, Order, Result

MAX_ITEMS: Final = 1_000
ATTEMPTS: Final = 3
# What is there already where a commit whose answer was lost was still under way a moment ago.
OWN_IDS: Final = {"pk_transaction_batches", "pk_transactions"}

_BEGIN = """
INSERT INTO transaction_batches (id, owner_id, items, total, accepted, created_at)
VALUES ($1, $2, '[]', $3, 0, $4)
"""
_COMPLETE = "UPDATE transaction_batches SET items = $2, accepted = $3 WHERE id = $1"
_FIND = """
SELECT b.id, b.owner_id, b.items, b.total, b.accepted, b.created_at,
       count(t.id) FILTER (WHERE t.status = 'pending') AS pending,
       count(t.id) FILTER (WHERE t.status = 'success') AS success,
       count(t.id) FILTER (WHERE t.status = 'failed') AS failed,
       jsonb_object_agg(t.id, t.status) FILTER (WHERE t.id IS NOT NULL) AS states
FROM transaction_batches b LEFT JOIN transactions t ON t.batch_id = b.id
WHERE b.id = $1 GROUP BY b.id
"""


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch as it was answered, with its transactions as they stand now.

    ``items`` holds for each transfer ``index``, ``transaction_id`` (None where refused),
    ``status`` (pending, success, failed or rejected), and for a refused one ``code`` and
    ``detail``.
    """

    id: UUID
    owner_id: UUID
    items: list[dict[str, Any]]
    total: int
    accepted: int
    created_at: datetime
    pending: int
    success: int
    failed: int
    replayed: bool = False


async def submit_batch(
    database: Database,
    intake: Intake,
    orders: Sequence[Order],
    *,
    owner_id: UUID,
    idempotency_key: str | None = None,
) -> BatchView:
    """Accept up to ``MAX_ITEMS`` transfers in one commit; refused ones are listed, not raised.

    Raises IdempotencyKeyReused, DatabaseUnavailable where nothing was accepted, or OutcomeUnknown
    where the database was lost for good during the commit itself.
    """
    if not 0 < len(orders) <= MAX_ITEMS:
        raise ValueError(f"a batch has 1 to {MAX_ITEMS} orders")
    key = Idempotency(owner_id, idempotency_key) if idempotency_key is not None else None
    new = _New(new_id(), owner_id, orders, key, clock.now())
    unsure = False

    async def submit() -> BatchView:
        # A commit that was lost and went through is found by its id.
        if unsure and await _is_there(database, new.id):
            view = await find_batch(database, new.id)
        else:
            view = await _submit(database, intake, new)
            if not view.replayed:
                return view
        intake.ring(orders[0].request_id)
        return view

    def may_run_again(error: Exception) -> bool:
        nonlocal unsure
        unsure = unsure or isinstance(error, CommitUnknownError)
        return is_retryable(error) or (unsure and constraint_name(error) in OWN_IDS)

    try:
        return await again(
            submit,
            attempts=ATTEMPTS,
            after=may_run_again,
            pause_seconds=lambda attempt: 0.05 * attempt,
            what="acceptance of a batch",
        )
    except Exception as error:
        if not may_run_again(error):
            raise
        raise (OutcomeUnknown(batch_id=new.id) if unsure else DatabaseUnavailable) from error


@dataclass(frozen=True, slots=True)
class _New:
    """A batch as it came; its ids are fixed, so that it may be submitted again."""

    id: UUID
    owner_id: UUID
    orders: Sequence[Order]
    key: Idempotency | None
    created_at: datetime


async def _submit(database: Database, intake: Intake, new: _New) -> BatchView:
    """The batch, accepted in one commit; or the one that its key made before.

    What is answered is known before the commit, so that nothing after it can fail.
    """
    async with database.unit_of_work() as unit:
        earlier = await win_key(unit.connection, new.key, _fingerprint(new.orders), new.id)
        if earlier is not None:
            return await _find(unit.connection, earlier, replayed=True)
        view = await _accept_all(unit, intake, new)
        await unit.commit()
    return view


async def find_batch(
    database: Database, batch_id: UUID, *, reader_id: UUID | None = None, replayed: bool = False
) -> BatchView:
    """The batch, with its counts. Raises BatchNotFound: unknown, or not the reader's."""
    async with database.read() as reader:
        return await _find(reader, batch_id, reader_id=reader_id, replayed=replayed)


async def _find(
    reader: Reader,
    batch_id: UUID,
    *,
    reader_id: UUID | None = None,
    replayed: bool = False,
) -> BatchView:
    row = await reader.fetchrow(_FIND, batch_id)
    if row is None or reader_id not in {None, row["owner_id"]}:
        raise BatchNotFound
    found = dict(row)
    states = found.pop("states") or {}
    for item in found["items"]:
        item["status"] = states.get(item["transaction_id"], item["status"])
    return BatchView(**found, replayed=replayed)


async def _is_there(database: Database, batch_id: UUID) -> bool:
    async with database.read() as reader:
        found = await reader.fetchval(
            "SELECT true FROM transaction_batches WHERE id = $1", batch_id
        )
    return found is not None


def _fingerprint(orders: Sequence[Order]) -> bytes:
    return sha256(b"batch" + b"".join(order.fingerprint() for order in orders)).digest()


async def _accept_all(unit: UnitOfWork, intake: Intake, new: _New) -> BatchView:
    total = len(new.orders)
    await unit.connection.execute(_BEGIN, new.id, new.owner_id, total, new.created_at)
    orders = [replace(order, batch_id=new.id) for order in new.orders]
    results = await intake.accept(unit, orders)
    items = [_item(index, result) for index, result in enumerate(results)]
    accepted = sum(isinstance(result, Accepted) for result in results)
    await unit.connection.execute(_COMPLETE, new.id, msgspec.json.encode(items).decode(), accepted)
    return BatchView(
        id=new.id,
        owner_id=new.owner_id,
        items=items,
        total=total,
        accepted=accepted,
        created_at=new.created_at,
        pending=accepted,
        success=0,
        failed=0,
    )


def _item(index: int, result: Result) -> dict[str, Any]:
    if isinstance(result, Accepted):
        return {
            "index": index,
            "transaction_id": str(result.transaction_id),
            "status": result.status,
            "code": None,
            "detail": None,
        }
    if not isinstance(result, GiroError):
        raise result
    return {
        "index": index,
        "transaction_id": None,
        "status": "rejected",
        "code": result.code,
        "detail": result.detail,
    }
