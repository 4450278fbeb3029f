"""Sessions that ended long ago leave the database; the others stay."""

from datetime import timedelta

from core.foundation import clock
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.identity.sessions import forget_ended_sessions
from core.identity.tables import RefreshToken, Session, User
from core.identity.tokens import new_refresh_token

MONTH = timedelta(days=30)


async def test_only_what_ended_before_the_instant_goes(database: Database) -> None:
    now = clock.now()
    user = User(id=new_id(), email=f"{new_id()}@example.org", password_hash="!")
    ends = {
        "expired long ago": (now - 2 * MONTH, None),
        "revoked long ago": (now + MONTH, now - 2 * MONTH),
        "expired just now": (now, None),
        "alive": (now + MONTH, None),
    }
    ids = {name: new_id() for name in ends}
    async with database.unit_of_work() as unit:
        unit.session.add(user)
        await unit.session.flush()
        for name, (expires_at, revoked_at) in ends.items():
            login = Session(id=ids[name], user_id=user.id, expires_at=expires_at)
            login.revoked_at = revoked_at
            unit.session.add(login)
            await unit.session.flush()
            token_hash = new_refresh_token()[1]
            token = RefreshToken(token_hash=token_hash, session_id=login.id, expires_at=expires_at)
            unit.session.add(token)
        await unit.commit()
    async with database.unit_of_work() as unit:
        assert await forget_ended_sessions(unit.session, now - MONTH) == 2
        await unit.commit()
    async with database.unit_of_work() as unit:
        left = {name for name, known in ids.items() if await unit.session.get(Session, known)}
    assert left == {"expired just now", "alive"}
