"""Where one is logged in: listed, ended one by one or all at once, ended by time anyhow."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from core.audit.log import Actor
from core.foundation.database import Database
from core.foundation.errors import InvalidToken
from core.foundation.ids import new_id
from core.identity.backoff import LoginBackoff
from core.identity.logins import Logins, SessionLife
from core.identity.passwords import Passwords
from core.identity.tables import Role
from core.identity.tokens import AccessTokens
from core.identity.users import PersonalData, register
from tests.bank import PASSWORD, Bank, Person

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIFE = SessionLife(idle=14 * DAY, customer=30 * DAY, staff=12 * HOUR)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


async def sessions_of(person: Person) -> list[dict[str, object]]:
    answer = await person.get("/auth/sessions")
    assert answer.status_code == 200
    items: list[dict[str, object]] = answer.json()["items"]
    return items


async def test_a_customer_sees_where_she_is_logged_in(bank: Bank) -> None:
    phone = await bank.customer()
    laptop = await bank.login(phone.email)
    items = await sessions_of(laptop)
    assert [item["current"] for item in items] == [True, False], "the latest login first"
    assert {item["ip"] for item in items} == {"127.0.0.1"}
    assert all("python" in str(item["user_agent"]).lower() for item in items)
    first = (await phone.get("/auth/sessions", params={"limit": 1})).json()
    rest = await phone.get("/auth/sessions", params={"cursor": first["next_cursor"]})
    assert first["items"] + rest.json()["items"] == [
        {**item, "current": not item["current"]} for item in items
    ]
    one = await laptop.get(f"/auth/sessions/{items[0]['session_id']}")
    assert one.json() == items[0]


async def test_a_lost_phones_session_is_ended_from_elsewhere(bank: Bank) -> None:
    phone = await bank.customer()
    laptop = await bank.login(phone.email)
    lost = (await sessions_of(laptop))[1]["session_id"]
    assert (await laptop.delete(f"/auth/sessions/{lost}")).status_code == 204
    assert (await phone.get("/users/profile")).status_code == 401
    assert len(await sessions_of(laptop)) == 1
    for again in (
        await laptop.delete(f"/auth/sessions/{lost}"),
        await laptop.get(f"/auth/sessions/{lost}"),
    ):
        assert (again.status_code, again.json()["code"]) == (404, "session_not_found")


async def test_nobody_ends_or_sees_the_session_of_another(bank: Bank) -> None:
    customer, stranger, admin = await bank.customer(), await bank.customer(), await bank.admin()
    own = (await sessions_of(customer))[0]["session_id"]
    for somebody in (stranger, admin):
        assert (await somebody.get(f"/auth/sessions/{own}")).status_code == 404
        assert (await somebody.delete(f"/auth/sessions/{own}")).status_code == 404
        assert own not in {item["session_id"] for item in await sessions_of(somebody)}
    assert (await customer.get("/users/profile")).status_code == 200


async def test_logging_out_everywhere_else_leaves_the_one_who_asks(bank: Bank) -> None:
    phone = await bank.customer()
    laptop = await bank.login(phone.email)
    assert (await laptop.delete("/auth/sessions")).status_code == 204
    assert (await phone.get("/users/profile")).status_code == 401
    assert (await laptop.get("/users/profile")).status_code == 200


async def test_staff_is_logged_in_for_a_working_day_and_a_customer_for_a_month(bank: Bank) -> None:
    for person, longest in ((await bank.officer(), 12 * HOUR), (await bank.customer(), 14 * DAY)):
        (session,) = await sessions_of(person)
        began = datetime.fromisoformat(str(session["created_at"]))
        assert datetime.fromisoformat(str(session["expires_at"])) - began == longest


async def test_a_session_that_is_over_opens_nothing_whatever_its_token_says(bank: Bank) -> None:
    """The token would live on: a session that was shortened, or a key in the wrong hands."""
    phone = await bank.customer()
    laptop = await bank.login(phone.email)
    over = (await sessions_of(phone))[1]["session_id"]
    connection = await asyncpg.connect(bank.system.settings.database_url)
    await connection.execute("UPDATE sessions SET expires_at = now() WHERE id = $1", over)
    await connection.close()
    answer = await phone.get("/users/profile")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert over not in {item["session_id"] for item in await sessions_of(laptop)}
    assert (await laptop.delete(f"/auth/sessions/{over}")).status_code == 404


@pytest.mark.parametrize(
    ("role", "used_after", "ends_after"),
    [
        (Role.OFFICER, 0 * HOUR, 12 * HOUR),
        (Role.ADMIN, 11 * HOUR, 12 * HOUR),
        (Role.CUSTOMER, 0 * DAY, 14 * DAY),
        (Role.CUSTOMER, 10 * DAY, 24 * DAY),
        (Role.CUSTOMER, 29 * DAY, 30 * DAY),
    ],
)
def test_using_a_session_prolongs_it_up_to_its_end(
    role: Role, used_after: timedelta, ends_after: timedelta
) -> None:
    assert LIFE.end(role, NOON, NOON + used_after) == NOON + ends_after


async def test_no_refresh_outlives_the_end_of_the_session(database: Database) -> None:
    passwords = Passwords(rounds=4)
    tokens = AccessTokens(["k" * 32], lifetime_seconds=1_800)
    stranger = Actor(None, "public", "192.0.2.1", "r")
    email = f"{new_id()}@example.org"

    def logins(life: SessionLife) -> Logins:
        return Logins(database, passwords, tokens, life, LoginBackoff(None))

    await register(
        database, passwords, email=email, password=PASSWORD, person=PersonalData(), actor=stranger
    )
    short = SessionLife(idle=DAY, customer=timedelta(seconds=90), staff=HOUR)
    pair = await logins(short).log_in(email, PASSWORD, stranger)
    assert 85 < pair.expires_in <= 90, "nor does an access token"
    again = await logins(LIFE).refresh(pair.refresh_token, stranger)
    assert again.expires_in == 1_800
    over = SessionLife(idle=DAY, customer=timedelta(0), staff=HOUR)
    with pytest.raises(InvalidToken):
        await logins(over).refresh(again.refresh_token, stranger)
    passwords.close()
