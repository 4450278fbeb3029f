"""Idempotency keys: the first use wins, others find it."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from core.foundation import clock
from core.foundation.database import Connection
from core.foundation.errors import IdempotencyKeyReused
from core.transactions.orders import Accepted, Idempotency, Order, Result

_FIND_ALL = """
SELECT k.owner_id, k.key, k.fingerprint, k.resource_id, t.status, t.payment_ref
FROM idempotency_keys k
JOIN unnest($1::uuid[], $2::text[]) AS asked (owner_id, key) USING (owner_id, key)
LEFT JOIN transactions t ON t.id = k.resource_id
"""

_WIN = """
INSERT INTO idempotency_keys (owner_id, key, fingerprint, resource_id, created_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING resource_id
"""
REQUEST: Final = msgspec.json.Encoder(order="sorted", decimal_format="string")
_FIND = "SELECT fingerprint, resource_id FROM idempotency_keys WHERE owner_id = $1 AND key = $2"


class FirstUse(NamedTuple):
    """The digest of the request that used a key first, and the id of what it made."""

    fingerprint: bytes
    resource_id: UUID


def fingerprint_of(*asked: object) -> bytes:
    """A digest of what is asked, the same for the same request however often it is sent."""
    return sha256(REQUEST.encode(asked)).digest()


async def replays(connection: Connection, orders: Sequence[Order]) -> dict[UUID, Result]:
    """The answers of the orders whose idempotency key has been used before, by order id."""
    keyed = [(order, order.idempotency) for order in orders if order.idempotency]
    if not keyed:
        return {}
    rows = await connection.fetch(
        _FIND_ALL, [key.owner_id for _, key in keyed], [key.key for _, key in keyed]
    )
    used = {Idempotency(row["owner_id"], row["key"]): row for row in rows}
    answers: dict[UUID, Result] = {}
    for order, key in keyed:
        row = used.get(key)
        if row is None:
            continue
        if row["fingerprint"] != order.fingerprint() or row["status"] is None:
            answers[order.id] = IdempotencyKeyReused()
        else:
            answers[order.id] = Accepted(
                row["resource_id"], row["status"], replayed=True, payment_ref=row["payment_ref"]
            )
    return answers


async def win_key(
    connection: Connection, key: Idempotency | None, fingerprint: bytes, resource_id: UUID
) -> UUID | None:
    """Take ``key`` for ``resource_id``, which the caller makes in the same unit of work.

    None where that is new (or there is no key), else the id that the key's first use made; a use
    that is under way is waited for. Raises IdempotencyKeyReused for another request.
    """
    if key is None:
        return None
    won = await connection.fetchval(
        _WIN, key.owner_id, key.key, fingerprint, resource_id, clock.now()
    )
    return None if won is not None else await find_key(connection, key, fingerprint)


async def find_key(
    connection: Connection, key: Idempotency | None, fingerprint: bytes
) -> UUID | None:
    """What the key's first use made, or None. Raises IdempotencyKeyReused for another request."""
    earlier = await first_use(connection, key)
    if earlier is None:
        return None
    if earlier.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return earlier.resource_id


async def first_use(connection: Connection, key: Idempotency | None) -> FirstUse | None:
    """What a key was first used for; None where it is new, or there is none."""
    if key is None:
        return None
    row = await connection.fetchrow(_FIND, key.owner_id, key.key)
    return None if row is None else FirstUse(*row)


async def forget_keys_of(connection: Connection, owner_id: UUID) -> None:
    """Delete the keys of a user who leaves: he chose their words."""
    await connection.execute("DELETE FROM idempotency_keys WHERE owner_id = $1", owner_id)


async def forget_keys(connection: Connection, before: datetime) -> None:
    """Delete the keys first used before an instant: from now on they would be new ones."""
    await connection.execute("DELETE FROM idempotency_keys WHERE created_at < $1", before)
