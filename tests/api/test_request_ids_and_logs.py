"""Each request is found again in the logs, by its id; no secret is ever found there."""

import asyncio
import json
import secrets
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from pydantic import ValidationError

from core.foundation.config import ApiSettings, Environment
from ops.run import processes
from tests.bank import PASSWORD, Bank
from tests.system import System, free_port


async def test_a_sane_request_id_is_echoed_and_another_replaced(bank: Bank) -> None:
    given = await bank.client.get("/health", headers={"X-Request-ID": "order-4711/a"})
    assert given.headers["x-request-id"] == "order-4711/a"
    made = (await bank.client.get("/health")).headers["x-request-id"]
    again = (await bank.client.get("/health")).headers["x-request-id"]
    assert len(made) == 32
    assert made != again
    for insane in ("x" * 129, "two words", "tab\there", ""):
        answer = await bank.client.get("/health", headers={"X-Request-ID": insane})
        assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("PATCH", "/health", 405), ("GET", "/accounts", 401)],
)
async def test_refusals_carry_the_id_too(bank: Bank, method: str, path: str, status: int) -> None:
    answer = await bank.client.request(method, path, headers={"X-Request-ID": "mine"})
    assert answer.status_code == status
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine"


async def test_answers_carry_the_headers_that_protect_browsers(bank: Bank) -> None:
    headers = (await bank.client.get("/health")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


async def log_of(system: System, needle: str, *, at_least: int = 1) -> list[str]:
    """The lines of the system's log with ``needle``, once there are ``at_least`` so many."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        lines = [line for line in system.log.read_text().splitlines() if needle in line]
        if len(lines) >= at_least:
            return lines
        await asyncio.sleep(0.1)
    return []


async def test_a_request_leaves_one_line_with_what_matters(bank: Bank) -> None:
    customer = await bank.customer()
    mark = secrets.token_hex(8)
    await customer.get("/accounts/1000000000", headers={"X-Request-ID": mark})
    (line,) = await log_of(bank.system, mark)
    for part in ("GET", "/accounts/{account_id}", "404", customer.user_id):
        assert part in line


async def test_a_request_is_followed_to_its_end_in_the_log_of_the_worker(bank: Bank) -> None:
    anna, bert = await bank.customer(), await bank.customer()
    own, to = await anna.open_account(100), await bert.open_account()
    item = {"from_account": own["account_number"], "to_account": to["account_number"]}
    mark = secrets.token_hex(8)
    # Of two payments that came with one request, the account covers only the first.
    answer = await anna.post(
        "/transactions/batch",
        {"items": [{**item, "amount": 60}] * 2},
        headers={"X-Request-ID": mark},
    )
    lines = await log_of(bank.system, mark, at_least=3)
    final = [line for line in lines if "transaction_final" in line]
    assert len(lines) == len(final) + 1 == 3
    paid, short = [line["transaction_id"] for line in answer.json()["items"]]
    assert all("process=worker" in line for line in final)
    (told_paid,) = [line for line in final if paid in line]
    (told_short,) = [line for line in final if short in line]
    assert "failure_code" not in told_paid
    assert "failure_code=insufficient_funds" in told_short


async def test_no_secret_is_ever_logged(bank: Bank) -> None:
    """Everything that must not be in a log goes through the system once, well and badly."""
    customer = await bank.customer(id_document="DOC-9988-7766", full_name="Asha Rao")
    account = await customer.open_account(100)
    pair = (
        await bank.client.post("/auth/login", json={"email": customer.email, "password": PASSWORD})
    ).json()
    refreshed = await bank.client.post(
        "/auth/refresh", json={"refresh_token": pair["refresh_token"]}
    )
    await bank.client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    await bank.client.post("/auth/token", data={"username": customer.email, "password": PASSWORD})
    wrong = "the wrong password, typed in"
    await bank.client.post("/auth/login", json={"email": customer.email, "password": wrong})
    await bank.client.post("/auth/login", json={"email": customer.email, "pass": wrong})
    await customer.post("/auth/password", {"current_password": wrong, "new_password": "x"})
    await customer.transfer(account, 1)
    mark = secrets.token_hex(8)
    await customer.get("/users/profile", headers={"X-Request-ID": mark})
    assert await log_of(bank.system, mark)
    log = bank.system.log.read_text()
    settings = bank.system.settings
    for secret in (
        PASSWORD, wrong, customer.token, pair["access_token"], pair["refresh_token"],
        refreshed.json()["refresh_token"], "DOC-9988-7766", settings.secret_key,
        settings.database_url, settings.redis_url, "Bearer ",
    ):  # fmt: skip
        assert secret not in log


@pytest.fixture(scope="module")
async def broken(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """An API in production's manner, on a database whose tables are not there."""
    settings = bank.system.settings
    url = settings.database_url.rpartition("/")[0] + "/postgres"
    changed = {"database_url": url, "environment": Environment.PRODUCTION}
    system = System(settings.model_copy(update=changed))
    system.log = Path(tmp_path_factory.mktemp("broken")) / "system.log"
    system.spawn("api", processes.api("127.0.0.1", system.port))
    async with httpx2.AsyncClient(base_url=system.url) as client:
        for _ in range(200):
            try:
                await client.get("/health")
                break
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
    yield system
    system.stop()


async def test_a_defect_is_a_500_that_tells_nothing_and_logs_everything(broken: System) -> None:
    secret = "a password in the body of a request that breaks"
    async with httpx2.AsyncClient(base_url=broken.url) as client:
        answer = await client.post(
            "/auth/login",
            json={"email": "a@example.org", "password": secret},
            headers={"X-Request-ID": "broken-1", "Authorization": "Bearer abc.def.ghi"},
        )
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "internal"
    assert answer.json()["request_id"] == "broken-1"
    for inside in ("users", "SELECT", "asyncpg", "Traceback"):
        assert inside not in answer.text
    lines = [json.loads(line) for line in await log_of(broken, "broken-1", at_least=2)]
    (told,) = [line for line in lines if line["event"] == "request_broke"]
    assert "UndefinedTable" in told["exception"]
    (request,) = [line for line in lines if line["event"] == "request"]
    assert (request["status"], request["route"]) == (500, "/auth/login")
    log = broken.log.read_text()
    assert secret not in log
    assert "abc.def.ghi" not in log


@pytest.mark.parametrize("weak", ["", "short", "your-jwt-secret-key-that-is-long-enough", "a" * 64])
def test_a_weak_key_is_refused_outside_development(weak: str) -> None:
    with pytest.raises(ValidationError, match="SECRET_KEY") as refusal:
        ApiSettings(_env_file=None, environment=Environment.PRODUCTION, secret_key=weak)
    if weak:
        assert weak not in str(refusal.value)
    assert ApiSettings(_env_file=None, secret_key=weak).secret_key == weak, "development forgives"


def test_a_server_with_a_weak_key_does_not_start() -> None:
    ended = subprocess.run(
        processes.api("127.0.0.1", free_port()),
        env={"ENVIRONMENT": "production", "SECRET_KEY": "short and weak", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert b"SECRET_KEY" in ended.stderr
    assert b"short and weak" not in ended.stderr + ended.stdout
