"""Many transfers in one request, accepted in one commit, each settled by itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec

from core import clock
from core.database import Connection, Database, is_retryable
from core.errors import BatchNotFound, DatabaseUnavailable, GiroError, IdempotencyKeyReused
from core.ids import new_id
from core.transactions.intake import Result, accept
from core.transactions.orders import Accepted, Idempotency, Order

MAX_ITEMS: Final = 1_000
ATTEMPTS: Final = 3

_WIN_KEY = """
INSERT INTO idempotency_keys (owner_id, key, fingerprint, resource_id, created_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING resource_id
"""
_KEY = "SELECT fingerprint, resource_id FROM idempotency_keys WHERE owner_id = $1 AND key = $2"
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
    orders: Sequence[Order],
    *,
    owner_id: UUID,
    idempotency_key: str | None = None,
) -> BatchView:
    """Accept up to ``MAX_ITEMS`` transfers in one commit; refused ones are listed, not raised.

    Raises IdempotencyKeyReused, or DatabaseUnavailable, in which case nothing was accepted.
    """
    if not 0 < len(orders) <= MAX_ITEMS:
        raise ValueError(f"a batch has 1 to {MAX_ITEMS} orders")
    batch_id = new_id()
    key = Idempotency(owner_id, idempotency_key) if idempotency_key is not None else None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with database.raw_unit_of_work() as connection:
                earlier = await _win_key(connection, key, batch_id, orders)
                if earlier is None:
                    await _accept_all(connection, batch_id, owner_id, orders)
            return await find_batch(database, earlier or batch_id, replayed=earlier is not None)
        except Exception as error:
            if not is_retryable(error):
                raise
            if attempt == ATTEMPTS:
                raise DatabaseUnavailable from error
            await asyncio.sleep(0.05 * attempt)
            if await _is_there(database, batch_id):  # the commit went through, its answer did not
                return await find_batch(database, batch_id)
    raise AssertionError("the last attempt returns or raises")


async def find_batch(
    database: Database, batch_id: UUID, *, reader_id: UUID | None = None, replayed: bool = False
) -> BatchView:
    """The batch, with its counts. Raises BatchNotFound: unknown, or not the reader's."""
    async with database.raw_connection() as connection:
        row = await connection.fetchrow(_FIND, batch_id)
    if row is None or reader_id not in {None, row["owner_id"]}:
        raise BatchNotFound
    found = dict(row)
    states = found.pop("states") or {}
    for item in found["items"]:
        item["status"] = states.get(item["transaction_id"], item["status"])
    return BatchView(**found, replayed=replayed)


async def _is_there(database: Database, batch_id: UUID) -> bool:
    async with database.raw_connection() as connection:
        found = await connection.fetchval(
            "SELECT true FROM transaction_batches WHERE id = $1", batch_id
        )
    return found is not None


async def _win_key(
    connection: Connection, key: Idempotency | None, batch_id: UUID, orders: Sequence[Order]
) -> UUID | None:
    """None where this batch is new, else the id of the batch that the key made before."""
    if key is None:
        return None
    fingerprint = sha256(b"batch" + b"".join(order.fingerprint() for order in orders)).digest()
    won = await connection.fetchval(
        _WIN_KEY, key.owner_id, key.key, fingerprint, batch_id, clock.now()
    )
    if won is not None:
        return None
    earlier = await connection.fetchrow(_KEY, key.owner_id, key.key)
    if earlier is None or earlier["fingerprint"] != fingerprint:
        raise IdempotencyKeyReused
    found: UUID = earlier["resource_id"]
    return found


async def _accept_all(
    connection: Connection, batch_id: UUID, owner_id: UUID, orders: Sequence[Order]
) -> None:
    await connection.execute(_BEGIN, batch_id, owner_id, len(orders), clock.now())
    results = await accept(connection, [replace(order, batch_id=batch_id) for order in orders])
    items = [_item(index, result) for index, result in enumerate(results)]
    accepted = sum(isinstance(result, Accepted) for result in results)
    await connection.execute(_COMPLETE, batch_id, msgspec.json.encode(items).decode(), accepted)


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
