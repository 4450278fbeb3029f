"""Guessing passwords becomes slow from everywhere, and nobody locks anybody out by it."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator

import httpx2
import pytest
from redis.asyncio import Redis

from core.foundation.config import Settings
from core.foundation.errors import TooManyAttempts
from core.identity import backoff
from core.identity.backoff import Gate, LoginBackoff, gates_of, network_of
from tests.bank import PASSWORD, Bank

GUESS = "a guess"


def somebody() -> str:
    return f"{secrets.token_hex(6)}@example.org"


async def login(bank: Bank, email: str, address: str, password: str = GUESS) -> httpx2.Response:
    return await bank.client.post(
        "/auth/login",
        json={"email": email, "password": password},
        headers={"X-Forwarded-For": address},
    )


async def statuses(bank: Bank, email: str, address: str, times: int) -> Counter[int]:
    return Counter([(await login(bank, email, address)).status_code for _ in range(times)])


async def test_a_stranger_is_slowed_and_the_owner_at_home_passes(guarded: Bank) -> None:
    email = somebody()
    home = {"X-Forwarded-For": "198.51.100.7"}
    body = {"email": email, "password": PASSWORD}
    registered = await guarded.client.post("/auth/register", json=body, headers=home)
    assert registered.status_code == 201
    assert await statuses(guarded, email, "203.0.113.5", 12) == {401: 10, 429: 2}
    slowed = await login(guarded, email, "203.0.113.99", PASSWORD)
    assert slowed.status_code == 429, (
        "a neighbour of his is he; the right password is not looked at"
    )
    assert slowed.json()["code"] == "too_many_attempts"
    assert 1 <= int(slowed.headers["retry-after"]) <= 2
    for address in ("198.51.100.7", "192.0.2.44"):  # at home, and on a journey
        assert (await login(guarded, email, address, PASSWORD)).status_code == 200
    # Even from the stranger's own network, after the moment that the answer names.
    await asyncio.sleep(int(slowed.headers["retry-after"]))
    assert (await login(guarded, email, "203.0.113.5", PASSWORD)).status_code == 200


async def test_at_home_one_stays_known_though_the_address_changes_by_the_day(guarded: Bank) -> None:
    email, prefix = somebody(), f"2001:db8:{secrets.token_hex(2)}:7"
    home = {"X-Forwarded-For": f"{prefix}:a1b2:c3d4:e5f6:1"}
    body = {"email": email, "password": PASSWORD}
    registered = await guarded.client.post("/auth/register", json=body, headers=home)
    assert registered.status_code == 201
    # Ten would be a stranger's.
    assert await statuses(guarded, email, f"{prefix}:9f8e:7d6c:5b4a:2", 12) == {401: 12}
    assert (await login(guarded, email, "192.0.2.45", PASSWORD)).status_code == 200
    (gate,), (other,) = (gates_of(email, f"{prefix}::{n}", known=True) for n in (2, 3))
    assert gate == other, "a second address of the home is no way to as many guesses again"


async def test_nobody_learns_whether_a_user_exists_by_being_slowed(guarded: Bank) -> None:
    known = (await guarded.customer()).email
    found = [await statuses(guarded, email, "203.0.114.5", 12) for email in (known, somebody())]
    assert found[0] == found[1] == {401: 10, 429: 2}


async def test_many_at_once_are_no_way_around(guarded: Bank) -> None:
    email = (await guarded.customer()).email
    answers = await asyncio.gather(*(login(guarded, email, "203.0.115.5") for _ in range(25)))
    assert Counter(answer.status_code for answer in answers)[401] <= 10


async def test_who_found_a_token_does_not_guess_the_password_with_it(guarded: Bank) -> None:
    customer = await guarded.customer()
    headers = {"X-Forwarded-For": "203.0.116.5"}
    body = {"current_password": "a guess", "new_password": "mine from now on"}
    answers = [
        (await customer.post("/auth/password", body, headers=headers)).status_code
        for _ in range(12)
    ]
    assert Counter(answers) == {400: 10, 429: 2}


@pytest.fixture
async def redis(quiet_settings: Settings) -> AsyncIterator["Redis"]:
    client = Redis.from_url(quiet_settings.redis_url)
    yield client
    await client.aclose()


async def admitted(counts: LoginBackoff, gates: list[Gate], times: int) -> int:
    passed = 0
    for _ in range(times):
        try:
            await counts.admit(gates)
        except TooManyAttempts:
            continue
        passed += 1
    return passed


async def test_a_crowd_of_strangers_slows_strangers_alone(redis: "Redis") -> None:
    """A botnet of networks, each with a guess or two: together they wait, the owner does not."""
    counts, email = LoginBackoff(redis), somebody()
    crowd = [gates_of(email, f"10.{n}.{n}.1", known=False) for n in range(120)]
    assert sum([await admitted(counts, gates, 1) for gates in crowd]) == 100
    assert await admitted(counts, gates_of(email, "10.200.0.1", known=True), 5) == 5
    assert await admitted(counts, gates_of(somebody(), "10.200.0.1", known=False), 5) == 5
    fresh = gates_of(email, "10.201.0.1", known=False)
    with pytest.raises(TooManyAttempts) as slowed:
        await counts.admit(fresh)
    assert slowed.value.retry_after_seconds <= 2, "and has a chance soon"


@pytest.mark.parametrize("away", [False, True], ids=["in Redis", "without Redis"])
async def test_each_further_attempt_waits_twice_as_long_up_to_a_cap(
    redis: "Redis", *, away: bool
) -> None:
    counts = LoginBackoff(None if away else redis)
    for free, expected in ((1, 2), (0, 3), (-3, 17), (-15, 31)):
        # As if some of the attempts had been made before: only what the last one costs is waited.
        gate = Gate(secrets.token_hex(8), free=free, cap_seconds=30)
        await counts.admit([gate])
        with pytest.raises(TooManyAttempts) as slowed:
            await counts.admit([gate])
        assert slowed.value.retry_after_seconds in {expected - 1, expected}


@pytest.mark.parametrize("away", [False, True], ids=["in Redis", "without Redis"])
async def test_what_was_right_or_not_judged_does_not_count(redis: "Redis", *, away: bool) -> None:
    counts = LoginBackoff(None if away else redis)
    gates = gates_of(somebody(), "192.0.2.1", known=False)
    gates = gates[:2]  # the network's count is shared with other tests
    assert await admitted(counts, gates, 9) == 9
    await counts.was_right(gates)
    for _ in range(30):
        await counts.admit(gates)
        await counts.was_not_judged(gates)
    assert await admitted(counts, gates, 12) == 10


async def test_a_redis_that_is_away_neither_opens_the_door_nor_shuts_it() -> None:
    """The process counts by itself meanwhile, and answers nobody later for it."""
    counts = LoginBackoff(Redis.from_url("redis://127.0.0.1:1/0"))
    gates = gates_of(somebody(), "192.0.2.1", known=False)
    started = time.monotonic()
    assert await admitted(counts, gates, 20) == 10
    assert time.monotonic() - started < 1 + backoff.REDIS_SECONDS


def test_a_network_is_what_one_stranger_may_have() -> None:
    assert network_of("203.0.113.9") == "203.0.113.0/24"
    assert network_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64"
    assert network_of(None) == "unknown"


async def test_redis_keeps_no_address_of_an_e_mail(redis: "Redis") -> None:
    email = somebody()
    await LoginBackoff(redis).admit(gates_of(email, "192.0.2.1", known=False))
    keys = [key.decode() async for key in redis.scan_iter(f"{backoff.PREFIX}*")]
    assert keys
    assert not any(email.partition("@")[0] in key for key in keys)
    assert all([0 < await redis.ttl(key) <= backoff.QUIET_OVER_SECONDS for key in keys])
