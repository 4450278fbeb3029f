"""Limits: who comes too often waits, others do not."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from ops.run import processes
from tests.bank import PASSWORD, Bank
from tests.system import System


@pytest.fixture(scope="module")
async def limited(bank: Bank) -> AsyncIterator[System]:
    """A second API on the same stores, with tight limits."""
    limits = {
        "rate_limit_enabled": True,
        "rate_limit_login": "5/hour",
        "rate_limit_public": "40/hour",
        "rate_limit_user": "20/hour",
    }
    system = System(bank.system.settings.model_copy(update=limits))
    system.spawn("api", processes.api("127.0.0.1", system.port))
    system.wait_until_ready(system.port)
    yield system
    system.stop()


async def test_limits(bank: Bank, limited: System) -> None:
    """One story, for it uses the address's limit up: guessing, a busy user, a busy address."""
    quiet, busy, thief = [await bank.customer() for _ in range(3)]
    async with httpx2.AsyncClient(base_url=limited.url) as client:

        async def login(email: str, password: str) -> httpx2.Response:
            return await client.post("/auth/login", json={"email": email, "password": password})

        guesses = [await login(busy.email, "guess") for _ in range(6)]
        assert [answer.status_code for answer in guesses] == [401] * 5 + [429]
        assert guesses[-1].headers["content-type"] == "application/problem+json"
        assert guesses[-1].json()["code"] == "rate_limited"
        assert 0 < int(guesses[-1].headers["retry-after"]) <= 3600
        assert (await login(busy.email, PASSWORD)).status_code == 429, "guessing locks the door"
        for spelling in (f" {busy.email}", f"{busy.email}\t ", busy.email.upper()):
            assert (await login(spelling, PASSWORD)).status_code == 429, "and every other to it"
            form = {"username": spelling, "password": PASSWORD}
            assert (await client.post("/auth/token", data=form)).status_code == 429
        assert (await login(quiet.email, PASSWORD)).status_code == 200, "but only that one"

        headers = {"Authorization": f"Bearer {thief.token}"}
        body = {"current_password": "guess", "new_password": "mine from now on"}
        for expected in [400] * 5 + [429]:  # a stolen token does not open this door either
            answer = await client.post("/auth/password", json=body, headers=headers)
            assert answer.status_code == expected

        async def read(token: str) -> httpx2.Response:
            headers = {"Authorization": f"Bearer {token}"}
            return await client.get("/users/profile", headers=headers)

        answers = await asyncio.gather(*(read(busy.token) for _ in range(30)))
        assert sorted(a.status_code for a in answers) == [200] * 20 + [429] * 10
        late = next(a for a in answers if a.status_code == 429)
        assert 0 < int(late.headers["retry-after"]) <= 3600
        assert (await read(quiet.token)).status_code == 200

        for _ in range(60):
            answer = await login("nobody@example.org", "x" * 9)
            if answer.status_code == 429:
                break
        statuses = {
            (await client.post("/auth/register", json={"email": f"r{n}@example.org"})).status_code
            for n in range(45)
        }
        assert statuses <= {422, 429}
        assert (await client.get("/health")).status_code == 200, "probes are never limited"


async def test_processes_share_a_users_count(bank: Bank, limited: System) -> None:
    customer = await bank.customer()
    headers = {"Authorization": f"Bearer {customer.token}"}
    async with httpx2.AsyncClient(base_url=limited.url) as first:
        for _ in range(15):
            await first.get("/users/profile", headers=headers)
        await asyncio.sleep(0.3)
        second_system = System(limited.settings)
        second_system.spawn("api", processes.api("127.0.0.1", second_system.port))
        try:
            second_system.wait_until_ready(second_system.port)
            async with httpx2.AsyncClient(base_url=second_system.url) as second:
                statuses = []
                for _ in range(12):
                    answer = await second.get("/users/profile", headers=headers)
                    statuses.append(answer.status_code)
                    await asyncio.sleep(0.02)
        finally:
            second_system.stop()
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert 4 <= statuses.count(200) <= 7
