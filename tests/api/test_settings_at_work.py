"""An API in production's manner: the cash desk closed, browsers of one origin let in."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from core.foundation.config import Environment
from ops.run import processes
from tests.bank import Bank
from tests.system import System

ORIGIN = "https://bank.example.org"


@pytest.fixture(scope="module")
async def production(bank: Bank) -> AsyncIterator[httpx2.AsyncClient]:
    changes = {"environment": Environment.PRODUCTION, "cors_origins": [ORIGIN]}
    system = System(bank.system.settings.model_copy(update=changes))
    system.spawn("api", processes.api("127.0.0.1", system.port))
    system.wait_until_ready(system.port)
    async with httpx2.AsyncClient(base_url=system.url, timeout=30) as client:
        yield client
    system.stop()


@pytest.mark.parametrize("kind", ["deposit", "withdrawal"])
async def test_cash_is_for_the_counter(
    bank: Bank, production: httpx2.AsyncClient, kind: str
) -> None:
    customer = await bank.customer()
    await customer.open_account(10)
    headers = {"Authorization": f"Bearer {customer.token}"}
    answer = await production.post(f"/transactions/{kind}", json={"amount": 1}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "self_service_cash_off")


async def test_a_browser_of_the_bank_may_ask_and_read(production: httpx2.AsyncClient) -> None:
    asked = await production.options(
        "/transactions/transfer",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,idempotency-key,prefer",
        },
    )
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert "x-request-id" in asked.headers
    refused = await production.get("/accounts", headers={"Origin": ORIGIN})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == ORIGIN
    exposed = refused.headers["access-control-expose-headers"].lower()
    assert {"location", "x-request-id", "retry-after"} <= set(exposed.replace(" ", "").split(","))


async def test_a_browser_from_elsewhere_may_not(production: httpx2.AsyncClient) -> None:
    elsewhere = "https://evil.example.net"
    answer = await production.get("/health", headers={"Origin": elsewhere})
    assert "access-control-allow-origin" not in answer.headers
    asked = await production.options(
        "/accounts", headers={"Origin": elsewhere, "Access-Control-Request-Method": "POST"}
    )
    assert asked.status_code == 400
