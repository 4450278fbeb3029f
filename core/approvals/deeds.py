"""The deeds that may need a second person, who may do them, and above what: four eyes.

A deed is described by an ``Act``: its body, the ground it stands on, and how it is run. The direct
way and an approval run the same act.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

from core.approvals.rules import Rules
from core.audit.log import Actor
from core.foundation.database import UnitOfWork
from core.foundation.outcome import Trace
from core.identity.tables import Role
from core.transactions.intake import Intake
from core.transactions.orders import Accepted, Idempotency


class Deed(StrEnum):
    """What may need a second person."""

    CREDIT = "credit"
    DEBIT = "debit"
    OPENING = "opening"
    REVERSAL = "reversal"
    OVERDRAFT = "overdraft"
    SETTLEMENT = "settlement"
    WRITE_OFF = "write_off"
    RESTRUCTURING = "restructuring"
    CHARGE = "charge"
    WAIVER = "waiver"
    ADJUSTMENT = "adjustment"
    NEW_STAFF = "new_staff"
    ROLE_CHANGE = "role_change"


_STAFF: Final = frozenset({Role.OFFICER, Role.ADMIN})
_ADMINS: Final = frozenset({Role.ADMIN})
# Who may do a deed; who decides on it needs the same.
ROLES: Final[Mapping[Deed, frozenset[Role]]] = {
    Deed.CREDIT: _STAFF,
    Deed.DEBIT: _STAFF,
    Deed.OPENING: _STAFF,
    Deed.REVERSAL: _ADMINS,
    Deed.OVERDRAFT: _ADMINS,
    Deed.SETTLEMENT: _STAFF,
    Deed.WRITE_OFF: _ADMINS,
    Deed.RESTRUCTURING: _STAFF,
    Deed.CHARGE: _STAFF,
    Deed.WAIVER: _STAFF,
    Deed.ADJUSTMENT: _STAFF,
    Deed.NEW_STAFF: _ADMINS,
    Deed.ROLE_CHANGE: _ADMINS,
}
# Not by amount: who has power over the bank is decided by two, or in development by one.
ABOUT_STAFF: Final = frozenset({Deed.NEW_STAFF, Deed.ROLE_CHANGE})


@dataclass(frozen=True, slots=True)
class Ground:
    """What a deed stands on at a moment.

    ``owners`` are the persons whom it is about. ``worth`` is what it moves or changes, in major
    units of its own currency. ``facts`` (JSON) must be the same when it is approved. ``second``
    says whether a second person is needed where that does not hang on the worth.
    """

    owners: tuple[UUID, ...] = ()
    worth: Decimal = Decimal(0)
    facts: dict[str, Any] = field(default_factory=dict)
    second: bool | None = None


@dataclass(frozen=True, slots=True)
class Doing:
    """The doing of a deed: by whom, who asked for it, and the id of what it makes.

    ``run_id`` is fixed before the deed is run, so that it is done once however often it is tried.
    """

    actor: Actor
    rules: Rules
    intake: Intake
    run_id: UUID
    asked_by: UUID
    key: Idempotency | None = None
    approval_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A deed that was done. ``result`` (JSON) is what its approval keeps of it, ``made`` what the
    direct way answers, ``accepted`` the transaction it submitted, ``traces`` how its commit
    is found where the answer was lost, the first new row first."""

    result: dict[str, Any]
    made: Any = None
    traces: tuple[Trace, ...] = ()
    accepted: Accepted | None = None
    replayed: bool = False


class Act(Protocol):
    """A deed with all that it needs, as it is proposed and as it is run."""

    @property
    def deed(self) -> Deed:
        """Which deed it is."""

    @property
    def keyed(self) -> bool:
        """Whether ``run`` honours an idempotency key by itself."""

    def body(self) -> dict[str, Any]:
        """What is asked, as JSON whose numbers are exact; shown to who decides."""

    def sealed(self) -> dict[str, Any] | None:
        """What else the run needs, and nobody is shown."""

    async def look(self, unit: UnitOfWork, actor: Actor, rules: Rules) -> Ground:
        """The ground of the deed, under locks. Raises what refuses the deed already now."""

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Do it, and write it down, in the caller's unit of work. Raises what refuses it."""


def needs_second(deed: Deed, ground: Ground, rules: Rules) -> bool:
    """Whether the deed needs a second person.

    A limit is in major units of the deed's own currency: 1,000,000 are so many euros, or yen. What
    is above it needs two, and everything where it is 0.
    """
    if ground.second is not None:
        return ground.second
    if deed in ABOUT_STAFF:
        return rules.two_for_staff
    above = rules.four_eyes_above[deed]
    return above == 0 or ground.worth > above
