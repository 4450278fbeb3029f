"""Recovery cases and their histories."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from core.foundation.database import Connection
from core.lending.notices import money
from core.lending.servicing.kinds.payment import Recovered


class Stage(StrEnum):
    """How far a recovery has come."""

    REMINDER = "reminder"
    SET_OFF = "set_off"
    RESTRUCTURE = "restructure"
    SETTLEMENT = "settlement"
    WRITE_OFF = "write_off"
    CLOSED = "closed"


_OPEN = """
INSERT INTO recovery_cases (id, loan_id, stage, stage_since, opened_on, opened_at)
SELECT id, loan_id, 'reminder', $3, $3, clock_timestamp()
FROM unnest($1::uuid[], $2::uuid[]) AS c (id, loan_id)
ON CONFLICT DO NOTHING
RETURNING id, loan_id
"""
_ADD_STEPS = """
INSERT INTO recovery_history (case_id, at, actor_id, action, detail)
SELECT c.id, clock_timestamp(), s.actor_id, s.action, s.detail
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY
  AS s (loan_id, actor_id, action, detail, place)
JOIN LATERAL (
  SELECT id FROM recovery_cases WHERE loan_id = s.loan_id
  ORDER BY closed_at IS NULL DESC, opened_at DESC LIMIT 1
) AS c ON true
ORDER BY s.place
"""
_MOVE = """
UPDATE recovery_cases SET stage = $2, stage_since = $3
WHERE loan_id = ANY($1::uuid[]) AND closed_at IS NULL AND stage <> $2
RETURNING loan_id
"""
_CLOSE = """
UPDATE recovery_cases SET stage = 'closed', closed_at = clock_timestamp()
WHERE loan_id = ANY($1::uuid[]) AND closed_at IS NULL
RETURNING loan_id
"""


@dataclass(frozen=True, slots=True)
class CaseStep:
    """One line of a case's history; ``actor_id`` None is the bank's own rules."""

    loan_id: UUID
    action: str
    detail: str
    actor_id: UUID | None = None


async def open_cases(
    connection: Connection, cases: Sequence[tuple[UUID, UUID]], on: date
) -> list[tuple[UUID, UUID]]:
    """Open (case id, loan id) pairs; answers those that had no open case yet."""
    rows = await connection.fetch(_OPEN, [c for c, _ in cases], [loan for _, loan in cases], on)
    return [(row["id"], row["loan_id"]) for row in rows]


async def add_steps(connection: Connection, steps: Sequence[CaseStep]) -> None:
    """Add to the histories of the loans' cases, the open one or else the last."""
    if steps:
        await connection.execute(
            _ADD_STEPS,
            [step.loan_id for step in steps],
            [step.actor_id for step in steps],
            [step.action for step in steps],
            [step.detail for step in steps],
        )


async def move(
    connection: Connection, loan_ids: Sequence[UUID], stage: Stage, on: date
) -> set[UUID]:
    """Bring the open cases of these loans to ``stage``; answers those that were elsewhere."""
    rows = await connection.fetch(_MOVE, list(loan_ids), stage.value, on)
    return {row["loan_id"] for row in rows}


async def close_ended(connection: Connection, loan_ids: Sequence[UUID]) -> set[UUID]:
    """Close the open cases of these loans."""
    if not loan_ids:
        return set()
    rows = await connection.fetch(_CLOSE, list(loan_ids))
    return {row["loan_id"] for row in rows}


async def note_recovered(connection: Connection, payments: Sequence[Recovered]) -> None:
    """Note what came in after a write-off; close the cases of what is recovered in full."""
    texts = [money(each.amount_minor, each.currency) for each in payments]
    await add_steps(
        connection,
        [
            CaseStep(each.loan_id, "recovered", f"{text} came in after the write-off")
            for each, text in zip(payments, texts, strict=True)
        ],
    )
    await close_ended(connection, [each.loan_id for each in payments if each.is_all])
