"""Proposals that wait for a second person, on the wire."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from api.http.strict_json import Body, example
from api.schemas.fields import IdempotencyKeyField, Text500
from core.approvals.deeds import Deed
from core.approvals.storage import ApprovalView

ApprovalStatus = Literal["waiting", "approved", "rejected", "lapsed", "void"]


class Rejection(Body):
    """Why a proposal is turned down."""

    model_config = example({"reason": "The account is not the one in the letter"})
    reason: Text500
    idempotency_key: IdempotencyKeyField = None


class Approving(Body):
    """An approval says nothing but that it is one."""

    model_config = example({"idempotency_key": "approve-41"})
    idempotency_key: IdempotencyKeyField = None


class ApprovalAnswer(BaseModel):
    """A deed that one member of staff proposes and another decides on.

    ``body`` is what was asked. ``result`` is what came of it: the id of what was made, or the code
    that refused it (``void``).
    """

    approval_id: UUID
    deed: Deed
    body: dict[str, Any]
    proposed_by: UUID
    proposed_at: datetime
    lapses_at: datetime
    status: ApprovalStatus
    decided_by: UUID | None
    decided_at: datetime | None
    reason: str | None
    result: dict[str, Any] | None


class Approvals(BaseModel):
    """A page of proposals."""

    items: list[ApprovalAnswer]
    next_cursor: str | None


def approval_answer(view: ApprovalView) -> dict[str, Any]:
    """The fields of an ApprovalAnswer."""
    return {
        "approval_id": view.id,
        "deed": view.deed,
        "body": view.body,
        "proposed_by": view.proposed_by,
        "proposed_at": view.proposed_at,
        "lapses_at": view.lapses_at,
        "status": view.status,
        "decided_by": view.decided_by,
        "decided_at": view.decided_at,
        "reason": view.reason,
        "result": view.result,
    }
