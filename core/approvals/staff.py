"""Who works for the bank, and as what."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from core.approvals.deeds import Deed, Doing, Done, Ground
from core.approvals.rules import Rules
from core.approvals.storage import fingerprint
from core.audit.log import Actor
from core.foundation.database import UnitOfWork
from core.identity import users
from core.identity.tables import Role, UserStatus
from core.identity.users import NewUser, PersonalData
from core.transactions.keys import win_key


@dataclass(frozen=True, slots=True)
class NewStaff:
    """An officer or admin to be made, or a customer.

    Who decides is shown who it is, and as what. The password, known by its hash alone, and the
    rest of the person are sealed, and kept no longer than the proposal waits: they go with the
    decision, or, where it has lapsed, with the next proposal.
    """

    user: NewUser
    deed: ClassVar[Deed] = Deed.NEW_STAFF
    keyed: ClassVar[bool] = True

    @classmethod
    def of(cls, body: dict[str, Any]) -> "NewStaff":
        """The act of a body and what was sealed with it."""
        person = {name: body[name] for name in asdict(PersonalData())}
        born = person.pop("date_of_birth")
        data = PersonalData(**person, date_of_birth=born and date.fromisoformat(born))
        return cls(NewUser(body["email"], body["password_hash"], Role(body["role"]), data))

    def body(self) -> dict[str, Any]:
        """Who is to be made what."""
        user = self.user
        return {"email": user.email, "role": user.role, "full_name": user.person.full_name}

    def sealed(self) -> dict[str, Any]:
        """The password's hash, and the rest of the person."""
        person = asdict(self.user.person)
        del person["full_name"]
        return {"password_hash": self.user.password_hash, **person}

    async def look(self, unit: UnitOfWork, _actor: Actor, _rules: Rules) -> Ground:
        """Nobody whom the bank knows yet; a customer needs nobody's approval."""
        await users.refuse_taken(unit.session, self.user.email)
        return Ground(second=False if self.user.role == Role.CUSTOMER else None)

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Make the user. Raises EmailTaken."""
        connection = unit.connection
        earlier = await win_key(connection, doing.key, fingerprint(self), doing.run_id)
        if earlier is not None:
            user = await users.find_user(unit.session, earlier)
            return Done({"user_id": str(user.id)}, made=user, replayed=True)
        user = await users.insert(unit.session, self.user, doing.actor, user_id=doing.run_id)
        return Done({"user_id": str(user.id)}, made=user, traces=(users.trace(user.id),))


@dataclass(frozen=True, slots=True)
class RoleChange:
    """Another role for a user, and perhaps another status with it."""

    user_id: UUID
    role: Role
    status: UserStatus | None = None
    deed: ClassVar[Deed] = Deed.ROLE_CHANGE
    keyed: ClassVar[bool] = False

    @classmethod
    def of(cls, body: dict[str, Any]) -> "RoleChange":
        """The act of a body."""
        status = body["status"]
        return cls(UUID(body["user_id"]), Role(body["role"]), status and UserStatus(status))

    def body(self) -> dict[str, Any]:
        """What was asked."""
        return {"user_id": str(self.user_id), "role": self.role, "status": self.status}

    def sealed(self) -> None:
        """Nothing."""

    async def look(self, unit: UnitOfWork, _actor: Actor, _rules: Rules) -> Ground:
        """The role as it is; who has it already needs nobody's approval."""
        await users.lock_admins(unit.session)
        user = await users.find_user(unit.session, self.user_id)
        second = False if user.role == self.role else None
        return Ground((user.id,), facts={"role": user.role, "status": user.status}, second=second)

    async def run(self, unit: UnitOfWork, doing: Doing) -> Done:
        """Give the role and end the user's sessions. Raises UserNotFound, LastAdmin."""
        user = await users.change_standing(
            unit.session, self.user_id, role=self.role, status=self.status, actor=doing.actor
        )
        return Done({"user_id": str(user.id)}, made=user)
