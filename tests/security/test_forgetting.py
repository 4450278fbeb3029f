"""What the bank need not know any more, it forgets: who leaves at once, the rest by its age."""

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import select

from core.audit.log import Actor, AuditFilter, read, record
from core.foundation import clock
from core.foundation.config import Settings
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.foundation.logging import describe
from core.identity.tables import LoginAddress, Session, User
from core.notifications.inbox import Notice, write
from core.transactions.keys import win_key
from core.transactions.orders import Idempotency
from tests import servers as testing
from tests.bank import Bank
from worker.retention import forget_what_is_old
from worker.runtime import Runtime
from worker.schedule import daily_duties

LEFT = """
SELECT (SELECT count(*) FROM accounts WHERE owner_id = $1 AND nickname IS NOT NULL) AS nicknames,
  (SELECT count(*) FROM loans WHERE user_id = $1 AND purpose IS NOT NULL) AS purposes,
  (SELECT count(*) FROM notifications WHERE user_id = $1) AS notices,
  (SELECT count(*) FROM idempotency_keys WHERE owner_id = $1) AS keys,
  (SELECT count(*) FROM login_addresses WHERE user_id = $1) AS addresses,
  (SELECT count(*) FROM sessions WHERE user_id = $1 AND num_nonnulls(ip, user_agent) > 0)
    AS session_origins,
  (SELECT count(*) FROM audit_origins o JOIN audit_log a ON a.id = o.entry_id
   WHERE a.actor_id = $1) AS origins,
  (SELECT count(*) FROM audit_origins o JOIN audit_log a ON a.id = o.entry_id
   WHERE a.actor_id IS NULL AND a.subject_id = $1::text) AS failed_origins
"""


async def left_of(settings: Settings, user_id: str) -> dict[str, int]:
    name = settings.database_url.rpartition("/")[2].partition("?")[0]
    connection = await asyncpg.connect(testing.servers().superuser_url(name))
    row = await connection.fetchrow(LEFT, user_id)
    await connection.close()
    return dict(row or {})


async def test_who_leaves_is_forgotten_in_every_corner(bank: Bank) -> None:
    customer, admin = await bank.customer(full_name="Asha Rao"), await bank.admin()
    await customer.open_account(nickname="For the divorce")
    apply = {"amount": 1_200, "tenure_months": 12, "monthly_income": 50_000,
             "purpose": "An operation"}  # fmt: skip
    for kind in ("deposit", "withdrawal"):
        headers = {"Idempotency-Key": f"asha-rao-{kind}", "Prefer": "wait=20"}
        moved = await customer.post(f"/transactions/{kind}", {"amount": 5}, headers=headers)
        assert moved.status_code == 200, moved.text
    applied = await customer.post("/loans/apply", apply)
    assert applied.status_code == 201, applied.text
    loan = applied.json()["loan_id"]
    await customer.post(f"/loans/{loan}/withdraw")
    assert (await customer.get("/users/notifications")).json()["items"]
    guess = {"email": customer.email, "password": "a typing error"}
    assert (await bank.client.post("/auth/login", json=guess)).status_code == 401
    before = await left_of(bank.system.settings, customer.user_id)
    assert all(before.values()), before
    assert (await customer.delete("/users/profile")).status_code == 204
    after = await left_of(bank.system.settings, customer.user_id)
    assert set(after.values()) == {0}, after
    # The log still tells what was done, and by whom it was, as a number that names nobody.
    items = (await admin.get("/admin/audit", params={"actor_id": customer.user_id})).json()["items"]
    assert {"login", "user.delete"} <= {item["action"] for item in items}
    assert all(item["ip"] is None for item in items)


async def test_the_log_without_its_origins_stays_append_only(database: Database) -> None:
    async with database.unit_of_work() as unit:
        record(unit.session, Actor(None, "system", "192.0.2.1"), "test.deed", subject_type="test",
               subject_id="origins")  # fmt: skip
        await unit.commit()
    async with database.unit_of_work() as unit:
        (entry,) = await read(
            unit.session, AuditFilter(subject_id="origins"), before_id=None, limit=2
        )
        assert entry.ip == "192.0.2.1"


@pytest_asyncio.fixture
async def runtime(quiet_settings: Settings) -> AsyncIterator[Runtime]:
    """As far as retention looks at one, by the role of the workers."""
    name = quiet_settings.database_url.rpartition("/")[2].partition("?")[0]
    url = testing.servers().database_urls(name).worker
    database = Database(url, name="test", pool_size=1)
    settings = Settings(
        _env_file=None,
        keep_sessions_days=30,
        keep_origins_days=60,
        keep_notices_days=90,
        keep_idempotency_keys_days=120,
    )
    yield cast("Runtime", SimpleNamespace(settings=settings, database=database))
    await database.close()


async def test_each_kind_goes_when_its_time_has_come_and_no_sooner(
    database: Database, runtime: Runtime
) -> None:
    now = clock.now()
    user = User(id=new_id(), email=f"{new_id()}@example.org", password_hash="!")
    async with database.unit_of_work() as unit:
        unit.session.add(user)
        await unit.session.flush()
        unit.session.add(Session(user_id=user.id, expires_at=now, ip="192.0.2.1"))
        unit.session.add(LoginAddress(user_id=user.id, address="192.0.2.1", last_at=now))
        record(unit.session, Actor(user.id, "customer", "192.0.2.1"), "login", subject_type="user")
        await unit.commit()
    async with database.unit_of_work() as unit:
        await write(unit.connection, [Notice(user.id, "test", "A title", "A body")])
        await win_key(unit.connection, Idempotency(user.id, "k"), b"f", new_id())
        await unit.commit()

    async def left() -> set[str]:
        counts = await left_of(runtime_settings(database), str(user.id))
        counts["sessions"] = counts.pop("session_origins")
        return {name for name, count in counts.items() if count}

    everything = {"sessions", "origins", "addresses", "notices", "keys"}
    assert await left() == everything
    for days, gone in (
        (29, set()),
        (31, {"sessions"}),
        (61, {"sessions", "origins", "addresses"}),
        (91, everything - {"keys"}),
        (121, everything),
    ):
        await forget_what_is_old(runtime, now + timedelta(days=days))
        assert await left() == everything - gone, days
    async with database.unit_of_work() as unit:
        assert await unit.session.scalar(select(User.id).where(User.id == user.id)) == user.id


async def test_a_kind_that_fails_keeps_no_other(
    database: Database, runtime: Runtime, superuser: asyncpg.Connection
) -> None:
    user = User(id=new_id(), email=f"{new_id()}@example.org", password_hash="!")
    async with database.unit_of_work() as unit:
        unit.session.add(user)
        await unit.commit()
    async with database.unit_of_work() as unit:
        await win_key(unit.connection, Idempotency(user.id, "k"), b"f", new_id())
        await unit.commit()
    later = clock.now() + timedelta(days=121)
    await superuser.execute("REVOKE DELETE ON sessions FROM giro_worker")
    try:
        with pytest.raises(ExceptionGroup) as failure:
            await forget_what_is_old(runtime, later)
    finally:
        await superuser.execute("GRANT DELETE ON sessions TO giro_worker")
    assert "permission denied for table sessions" in describe(failure.value)
    assert (await left_of(runtime_settings(database), str(user.id)))["keys"] == 0


def runtime_settings(database: Database) -> Settings:
    return Settings(_env_file=None, database_url=database.url)


def test_it_happens_once_a_day(runtime: Runtime) -> None:
    jobs: dict[str, Any] = {job.name: job.run for job in daily_duties(runtime)}
    assert jobs["retention"] is forget_what_is_old
