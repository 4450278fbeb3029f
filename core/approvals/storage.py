"""Proposals in the database: written once, decided once, lapsed by the clock alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from core.approvals.deeds import Act, Deed, Doing, Ground
from core.foundation.database import Connection, Reader
from core.foundation.errors import ApprovalNotFound, IdempotencyKeyReused
from core.foundation.outcome import Trace
from core.transactions.keys import first_use
from core.transactions.orders import Idempotency

_DECISION_IS_THERE = "SELECT EXISTS (SELECT FROM approvals WHERE decision_id = $1)"
_IS_THERE = "SELECT EXISTS (SELECT FROM approvals WHERE id = $1)"
LAPSES_AFTER: Final = timedelta(days=7)
WAITING: Final = "waiting"
LAPSED: Final = "lapsed"

_STATUS = """
CASE WHEN status = 'waiting' AND lapses_at <= clock_timestamp() THEN 'lapsed' ELSE status END
"""
_SELECT = f"""
SELECT id, deed, body::text AS body, sealed::text AS sealed, ground::text AS ground, owners, run_id,
       proposed_by, proposed_at, lapses_at, {_STATUS} AS status, decided_by, decided_at,
       decision_id, reason, result::text AS result
FROM approvals
"""  # noqa: S608 - columns of this file
_ONE = _SELECT + "WHERE id = $1"
_LOCK = _SELECT + "WHERE id = $1 FOR UPDATE"
_PAGE = (
    _SELECT
    + f"""
WHERE ($1::text IS NULL OR {_STATUS} = $1) AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC LIMIT $3
"""
)
_INSERT = """
INSERT INTO approvals (id, deed, body, sealed, ground, owners, run_id, proposed_by, lapses_at,
  request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + $9, $10)
"""
# A row that somebody looks at just now is left to the next proposal.
_UNSEAL_LAPSED = """
UPDATE approvals SET sealed = NULL WHERE id IN (
  SELECT id FROM approvals
  WHERE status = 'waiting' AND lapses_at <= clock_timestamp() AND sealed IS NOT NULL
  FOR UPDATE SKIP LOCKED
)
"""
_DECIDE = """
UPDATE approvals SET status = $2, decided_by = $3, decided_at = clock_timestamp(),
  decision_id = $4, reason = $5, result = $6, sealed = NULL
WHERE id = $1 AND status = 'waiting'
"""
_encoder: Final = msgspec.json.Encoder(decimal_format="number", order="sorted")


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """A proposal as it stands now. ``status`` is waiting, approved, rejected, lapsed or void."""

    id: UUID
    deed: Deed
    body: dict[str, Any]
    sealed: dict[str, Any] | None
    ground: dict[str, Any]
    owners: Sequence[UUID]
    run_id: UUID
    proposed_by: UUID
    proposed_at: datetime
    lapses_at: datetime
    status: str
    decided_by: UUID | None
    decided_at: datetime | None
    decision_id: UUID | None
    reason: str | None
    result: dict[str, Any] | None


def to_json(value: Any) -> str:
    """JSON text whose numbers are exact, the same for the same value."""
    return _encoder.encode(value).decode()


def from_json(text: str | None) -> Any:
    """What the text says, fractions as decimals."""
    return None if text is None else json.loads(text, parse_float=Decimal)


def fingerprint(act: Act) -> bytes:
    """A digest of what is asked, the same for the same request."""
    return sha256(to_json(["approval", act.deed, act.body()]).encode()).digest()


async def find(reader: Reader, approval_id: UUID) -> ApprovalView:
    """One proposal. Raises ApprovalNotFound."""
    return _known(await reader.fetchrow(_ONE, approval_id))


async def find_locked(connection: Connection, approval_id: UUID) -> ApprovalView:
    """One proposal, locked until the end of the unit of work. Raises ApprovalNotFound."""
    return _known(await connection.fetchrow(_LOCK, approval_id))


def _known(row: asyncpg.Record | None) -> ApprovalView:
    if row is None:
        raise ApprovalNotFound
    return _view(row)


async def page(
    reader: Reader, *, status: str | None, before_id: UUID | None, limit: int
) -> list[ApprovalView]:
    """The newest proposals of a status, or of any."""
    return [_view(row) for row in await reader.fetch(_PAGE, status, before_id, limit)]


async def key_of(
    connection: Connection, key: Idempotency | None
) -> tuple[bytes, UUID | None] | None:
    """What a key stands for, where it was used: a fingerprint, and the proposal if it made one."""
    used = await first_use(connection, key)
    if used is None:
        return None
    is_proposal = await connection.fetchval(_IS_THERE, used.resource_id)
    return used.fingerprint, used.resource_id if is_proposal else None


async def replayed(
    connection: Connection, approval_id: UUID, first: bytes, act: Act
) -> ApprovalView:
    """The proposal that a key made before. Raises IdempotencyKeyReused for another request."""
    if first != fingerprint(act):
        raise IdempotencyKeyReused
    return await find(connection, approval_id)


async def insert(
    connection: Connection, approval_id: UUID, act: Act, ground: Ground, doing: Doing
) -> ApprovalView:
    """Write a proposal down; it lapses after ``LAPSES_AFTER``.

    What was sealed with those that have lapsed is forgotten on the occasion: nobody decides on them
    any more. No job of the workers does so, for they may not touch what becomes a password.
    """
    await connection.execute(_UNSEAL_LAPSED)
    sealed = act.sealed()
    await connection.execute(
        _INSERT, approval_id, act.deed.value, to_json(act.body()),
        None if sealed is None else to_json(sealed), to_json(ground.facts), list(ground.owners),
        doing.run_id, doing.asked_by, LAPSES_AFTER, doing.actor.request_id,
    )  # fmt: skip
    return await find(connection, approval_id)


async def decide(
    connection: Connection,
    approval_id: UUID,
    status: str,
    *,
    by: UUID,
    decision_id: UUID,
    reason: str | None = None,
    result: dict[str, Any] | None = None,
) -> ApprovalView:
    """Write the decision on a locked, waiting proposal."""
    await connection.execute(
        _DECIDE, approval_id, status, by, decision_id, reason,
        None if result is None else to_json(result),
    )  # fmt: skip
    return await find(connection, approval_id)


def _view(row: Any) -> ApprovalView:
    values = dict(row)
    parts = {name: from_json(values.pop(name)) for name in ("body", "sealed", "ground", "result")}
    return ApprovalView(deed=Deed(values.pop("deed")), **parts, **values)


def trace(approval_id: UUID) -> Trace:
    """How a proposal is found whose commit was not answered."""
    return Trace("approval_id", approval_id, _IS_THERE)


def decision_trace(decision_id: UUID) -> Trace:
    """How a decision is found whose commit was not answered."""
    return Trace("decision_id", decision_id, _DECISION_IS_THERE)
