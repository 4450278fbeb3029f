"""Four eyes: a deed is done at once, or proposed by one and done when another approves.

``perform`` is the one way in. What needs no second person runs there; what does is written down
with the ground it stands on. ``approve`` runs it exactly as it was proposed, once, in the unit of
work that writes the decision; where the ground has changed meanwhile it is void instead.
"""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from core.approvals import acts, storage
from core.approvals.deeds import ROLES, Act, Deed, Doing, Done, needs_second
from core.approvals.rules import Rules
from core.approvals.storage import LAPSED, WAITING, ApprovalView
from core.audit.log import Actor, record, user_of
from core.foundation.database import Connection, UnitOfWork
from core.foundation.errors import (
    ApprovalNotWaiting,
    Forbidden,
    GiroError,
    GroundChanged,
    IdempotencyKeyReused,
    Unavailable,
)
from core.foundation.ids import new_id
from core.identity.persons import refuse_own
from core.notifications import inbox
from core.transactions.intake import Intake
from core.transactions.keys import win_key
from core.transactions.orders import Idempotency


@dataclass(frozen=True, slots=True)
class Proposed:
    """A deed that waits for a second person, or did."""

    approval: ApprovalView
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """A proposal that was decided, and what its deed made, if it was done."""

    approval: ApprovalView
    done: Done | None = None
    replayed: bool = False


async def perform(unit: UnitOfWork, act: Act, doing: Doing) -> Done | Proposed:
    """Do the deed, or propose it where it needs a second person; the caller commits.

    Raises Forbidden, FourEyes for what is the actor's own, IdempotencyKeyReused, and what refuses
    the deed itself.
    """
    _refuse_role(act.deed, doing.actor)
    connection = unit.connection
    earlier = await _replay(unit, act, doing)
    if earlier is not None:
        return earlier
    try:
        ground = await act.look(unit, doing.actor, doing.rules)
    except GiroError:
        # The key's first use may have ended a moment ago, and be what refuses this one.
        earlier = await _replay(unit, act, doing)
        if earlier is None:
            raise
        return earlier
    await refuse_own(connection, user_of(doing.actor), ground.owners)
    if not needs_second(act.deed, ground, doing.rules):
        return await act.run(unit, doing)
    approval_id = new_id()
    earlier_id = await win_key(connection, doing.key, storage.fingerprint(act), approval_id)
    if earlier_id is not None:
        return Proposed(await storage.find(connection, earlier_id), replayed=True)
    approval = await storage.insert(connection, approval_id, act, ground, doing)
    _note(unit, doing.actor, "propose", approval)
    await inbox.write(connection, [_waiting(approval)])
    return Proposed(approval)


async def _replay(unit: UnitOfWork, act: Act, doing: Doing) -> Done | Proposed | None:
    """What the key has made before. Raises IdempotencyKeyReused for another request."""
    connection = unit.connection
    used = await storage.key_of(connection, doing.key)
    if used is None:
        return None
    first, approval_id = used
    if approval_id is not None:
        approval = await storage.replayed(connection, approval_id, first, act)
        return Proposed(approval, replayed=True)
    if not act.keyed:
        raise IdempotencyKeyReused
    done = await act.run(unit, doing)
    if not done.replayed:  # the key was forgotten a moment ago, and nobody has looked at the ground
        raise IdempotencyKeyReused
    return done


async def approve(
    unit: UnitOfWork,
    approval_id: UUID,
    actor: Actor,
    rules: Rules,
    intake: Intake,
    *,
    key: Idempotency | None = None,
) -> Decided:
    """Do what was proposed, as the second person; the caller commits.

    Where the deed is refused by now its proposal ends ``void``, with the refusal as its result.
    Raises ApprovalNotFound, ApprovalNotWaiting, FourEyes, Forbidden, IdempotencyKeyReused.
    """
    connection = unit.connection
    decision_id = new_id()
    if await _is_replay(connection, key, ("approve", approval_id), decision_id):
        return Decided(await storage.find(connection, approval_id), replayed=True)
    approval = await _decidable(connection, approval_id, actor)
    doing = Doing(
        actor, rules, intake, approval.run_id, approval.proposed_by, approval_id=approval_id
    )
    done = await _run(unit, approval, doing)
    refused = isinstance(done, GiroError)
    decided = await storage.decide(
        connection,
        approval_id,
        "void" if refused else "approved",
        by=user_of(actor),
        decision_id=decision_id,
        result={"code": done.code, "detail": done.detail}
        if isinstance(done, GiroError)
        else done.result,
    )
    _note(unit, actor, "void" if refused else "approve", decided)
    await inbox.write(connection, [_decided(decided)])
    return Decided(decided, None if isinstance(done, GiroError) else done)


async def reject(
    unit: UnitOfWork,
    approval_id: UUID,
    actor: Actor,
    reason: str,
    key: Idempotency | None = None,
) -> Decided:
    """Turn a proposal down; the caller commits. Raises as ``approve`` does."""
    connection = unit.connection
    decision_id = new_id()
    if await _is_replay(connection, key, ("reject", approval_id, reason), decision_id):
        return Decided(await storage.find(connection, approval_id), replayed=True)
    await _decidable(connection, approval_id, actor)
    decided = await storage.decide(
        connection,
        approval_id,
        "rejected",
        by=user_of(actor),
        decision_id=decision_id,
        reason=reason,
    )
    _note(unit, actor, "reject", decided)
    await inbox.write(connection, [_decided(decided)])
    return Decided(decided)


async def _run(unit: UnitOfWork, approval: ApprovalView, doing: Doing) -> Done | GiroError:
    """Do the deed, or answer what refuses it with nothing of it done."""
    try:
        async with unit.savepoint():
            act = acts.proposed(approval)
            ground = await act.look(unit, doing.actor, doing.rules)
            if ground.facts != approval.ground:
                raise GroundChanged
            return await act.run(unit, doing)
    except Unavailable:
        raise
    except GiroError as refusal:
        return refusal


async def _decidable(connection: Connection, approval_id: UUID, actor: Actor) -> ApprovalView:
    """The proposal, locked, where ``actor`` may decide on it now."""
    approval = await storage.find_locked(connection, approval_id)
    _refuse_role(approval.deed, actor)
    await refuse_own(connection, user_of(actor), [approval.proposed_by, *approval.owners])
    if approval.status != WAITING:
        how = "has lapsed" if approval.status == LAPSED else f"is {approval.status} already"
        raise ApprovalNotWaiting(f"the proposal {how}")
    return approval


async def _is_replay(
    connection: Connection, key: Idempotency | None, asked: tuple[object, ...], decision_id: UUID
) -> bool:
    """Whether the key has made this very decision before. Raises IdempotencyKeyReused."""
    fingerprint = sha256(storage.to_json(asked).encode()).digest()
    return await win_key(connection, key, fingerprint, decision_id) is not None


def _refuse_role(deed: Deed, actor: Actor) -> None:
    if actor.role not in ROLES[deed]:
        raise Forbidden


def _note(unit: UnitOfWork, actor: Actor, verb: str, approval: ApprovalView) -> None:
    result = approval.result or {}
    record(
        unit.session,
        actor,
        f"approval.{verb}",
        subject_type="approval",
        subject_id=approval.id,
        details={
            "deed": approval.deed.value,
            "proposed_by": str(approval.proposed_by),
            **({"reason": approval.reason} if approval.reason else {}),
            **({"code": result["code"]} if "code" in result else {}),
        },
    )


def _name(approval: ApprovalView) -> str:
    return approval.deed.value.replace("_", " ")


def _waiting(approval: ApprovalView) -> inbox.Notice:
    return inbox.Notice(
        None,
        "approval_waiting",
        "A second person is needed",
        f"A {_name(approval)} waits for approval {approval.id} by somebody else than who "
        f"proposed it, until {approval.lapses_at:%Y-%m-%d}.",
    )


def _decided(approval: ApprovalView) -> inbox.Notice:
    return inbox.Notice(
        approval.proposed_by,
        "approval_decided",
        "Your proposal was decided on",
        f"The {_name(approval)} that you proposed ({approval.id}) is {approval.status}.",
    )
