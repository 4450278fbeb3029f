"""A store is down: 503 where nothing can be done, 202 where the database alone suffices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx2

from ops.run import processes
from tests import servers as testing
from tests.bank import Bank
from tests.system import System, free_port

DAY = "2026-01-31"


@asynccontextmanager
async def api_with(bank: Bank, **changes: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """An API whose settings lead one of its stores into nothing."""
    system = System(bank.system.settings.model_copy(update=changes))
    system.spawn("api", processes.api("127.0.0.1", system.port))
    try:
        async with httpx2.AsyncClient(base_url=system.url, timeout=30) as client:
            for _ in range(300):
                try:
                    await client.get("/health")
                    break
                except httpx2.TransportError:
                    await asyncio.sleep(0.1)
            yield client
    finally:
        system.stop()


async def test_without_the_database_everything_says_so(bank: Bank) -> None:
    customer = await bank.customer()
    headers = {"Authorization": f"Bearer {customer.token}"}
    gone = f"postgresql://giro:giro@127.0.0.1:{free_port()}/giro"
    async with api_with(bank, database_url=gone) as client:
        assert (await client.get("/health")).status_code == 200
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["stores"] == {"database": "down", "redis": "up"}
        answers = [
            ready,
            await client.get("/accounts", headers=headers),
            await client.post("/transactions/deposit", json={"amount": 1}, headers=headers),
            await client.post("/auth/login", json={"email": "a@example.org", "password": "b"}),
        ]
        for answer in answers:
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert answer.headers["content-type"] == "application/problem+json"
        assert {answer.json()["code"] for answer in answers[1:]} == {"database_unavailable"}
        terms = {"amount": 10_000, "interest_rate": 12, "tenure_months": 12}
        for needed, status in (({}, 503), ({"currency": "EUR"}, 503), ({"start_date": DAY}, 200)):
            answer = await client.post("/loans/quote", json={**terms, **needed})
            assert answer.status_code == status, needed


async def test_without_redis_money_is_still_accepted_and_settled(bank: Bank) -> None:
    customer = await bank.customer()
    account = await customer.open_account()
    headers = {"Authorization": f"Bearer {customer.token}"}
    gone = f"redis://127.0.0.1:{free_port()}/0"
    async with api_with(bank, redis_url=gone, rate_limit_enabled=True) as client:
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["stores"] == {"database": "up", "redis": "down"}
        body = {"amount": 5}
        submitted = await client.post("/transactions/deposit", json=body, headers=headers)
        assert submitted.status_code == 202
        waited = await client.get(
            submitted.headers["location"], headers={**headers, "Prefer": "wait=20"}
        )
        assert waited.json()["status"] == "success", "the sweep rings where the bell could not"
        login = {"email": customer.email, "password": "not it"}
        assert (await client.post("/auth/login", json=login)).status_code == 401
        jobs = {"Authorization": f"Bearer {(await bank.admin()).token}"}
        queues = (await client.get("/admin/jobs", headers=jobs)).json()["queues"]
        assert {queue["depth"] for queue in queues} == {None}
    assert await customer.balance(account) == 5


async def test_connections_that_died_meanwhile_are_no_callers_business(bank: Bank) -> None:
    customer = await bank.customer()
    superuser = testing.servers().superuser_url(
        bank.system.settings.database_url.rpartition("/")[2]
    )
    await asyncio.gather(*(customer.get("/accounts") for _ in range(20)))
    connection = await asyncpg.connect(superuser)
    ended = await connection.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'giro-api' AND datname = current_database()"
    )
    await connection.close()
    assert ended
    await asyncio.sleep(0.2)  # until the API has been told that they are gone
    for _ in range(20):
        assert (await customer.get("/accounts")).status_code == 200
