"""The bank never loses its last admin. Played on a database where nobody else is one."""

import asyncio

import pytest

from core.audit.log import Actor
from core.foundation.database import Database
from core.foundation.errors import LastAdmin
from core.foundation.ids import new_id
from core.identity import users
from core.identity.tables import Role, User, UserStatus

SYSTEM = Actor(None, "system")


async def make_admin(database: Database) -> User:
    async with database.unit_of_work() as unit:
        user = User(id=new_id(), email=f"{new_id()}@example.org", role="admin", password_hash="!")
        user.status = "active"
        unit.session.add(user)
        await unit.commit()
    return user


async def demote(database: Database, admin: User) -> bool:
    async with database.unit_of_work() as unit:
        try:
            await users.change_standing(
                unit.session, admin.id, role=Role.CUSTOMER, status=None, actor=SYSTEM
            )
        except LastAdmin:
            return False
        await unit.commit()
    return True


async def test_of_two_admins_demoted_at_once_one_stays(database: Database) -> None:
    pair = [await make_admin(database), await make_admin(database)]
    done = await asyncio.gather(*(demote(database, admin) for admin in pair))
    assert sorted(done) == [False, True]
    last = pair[done.index(False)]
    async with database.unit_of_work() as unit:
        with pytest.raises(LastAdmin):
            await users.delete_user(unit, last.id, SYSTEM)
        with pytest.raises(LastAdmin):
            await users.change_standing(
                unit.session, last.id, role=None, status=UserStatus.BLOCKED, actor=SYSTEM
            )
    await make_admin(database)
    assert await demote(database, last)
