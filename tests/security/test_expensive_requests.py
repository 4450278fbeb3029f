"""Requests that cost much: what they cost is bounded, and others do not pay for it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import httpx2
import pytest

from core.identity.passwords import Passwords
from core.lending.amortisation import Terms, quote
from core.lending.origination.quoting import Quotes
from ops.run import processes
from tests import servers as testing
from tests.bank import PASSWORD, Bank
from tests.system import System

LONG = {"amount": 100_000, "interest_rate": 12, "number_of_instalments": 1_200}


@pytest.fixture(scope="module")
async def hurried(bank: Bank) -> AsyncIterator[Bank]:
    """A second API, which gives a listing half a second."""
    settings = bank.system.settings.model_copy(update={"listing_timeout_seconds": 0.5})
    system = System(settings)
    system.spawn("api", processes.api("127.0.0.1", system.port))
    system.wait_until_ready(system.port)
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=system.url, timeout=30, limits=limits) as client:
        yield Bank(client, system)
    if "api" in system.running:
        system.stop()


@asynccontextmanager
async def locked(bank: Bank, table: str) -> AsyncIterator[None]:
    """A table that nobody can read meanwhile: a statement on it takes for ever."""
    name = bank.system.settings.database_url.rpartition("/")[2]
    connection = await asyncpg.connect(testing.servers().superuser_url(name))
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
    await connection.close()


async def until(true: Callable[[], Awaitable[Any]]) -> None:
    while not await true():  # noqa: ASYNC110 - other processes
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"number_of_instalments": 1_201}, "number_of_instalments"),
        ({"tenure_months": 1_200, "frequency": "weekly"}, "tenure_months"),
        (
            {"tenure_months": 360, "prepayments": [{"number": 1, "amount": 1}] * 20},
            "prepayments",
        ),
    ],
)
async def test_a_quote_has_no_more_rows_than_are_quick(
    bank: Bank, terms: dict[str, Any], field: str
) -> None:
    asked = {"amount": 100_000, "interest_rate": 12, **terms}
    answer = await bank.client.post("/loans/quote", json=asked)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_long_quote_is_computed_aside_and_is_the_same(hurried: Bank) -> None:
    # Given a crowd that asks for the longest quote there is
    crowd = asyncio.gather(*(hurried.client.post("/loans/quote", json=LONG) for _ in range(6)))
    await asyncio.sleep(0)
    # Then whoever asks for something else meanwhile hears it first
    short = {"amount": 100_000, "interest_rate": 12, "tenure_months": 12}
    assert (await hurried.client.post("/loans/quote", json=short)).status_code == 200
    assert (await hurried.client.get("/health/ready")).status_code == 200
    assert not crowd.done()
    answers = await crowd
    assert {answer.status_code for answer in answers} == {200}
    last = answers[0].json()["instalments"][-1]
    terms = Terms(10_000_000, Decimal(12), 1_200, date.fromisoformat(last["due_date"]))
    assert Decimal(str(answers[0].json()["emi"])) * 100 == quote(terms).emi_minor
    assert (last["number"], last["balance"]) == (1_200, 0)


async def test_a_statement_that_takes_too_long_is_stopped_and_says_so(hurried: Bank) -> None:
    anna, bert = await hurried.customer(), await hurried.customer()
    account = await anna.open_account(10)
    await bert.open_account(10)
    path = f"/accounts/{account['account_id']}/transactions?min_amount=999999"
    async with locked(hurried, "postings"):
        # Given one customer with forty connections on a filter that finds nothing
        slow = [asyncio.create_task(anna.get(path)) for _ in range(40)]
        answer = await slow[0]
        # Then each is stopped, and says why
        assert (answer.status_code, answer.json()["code"]) == (503, "query_too_long")
        assert int(answer.headers["retry-after"]) > 0
        # And others list, and move money
        started = monotonic()
        assert (await bert.get("/accounts")).status_code == 200
        submitted = await bert.post("/transactions/deposit", {"amount": 1})
        assert submitted.status_code == 202
        assert monotonic() - started < 2
        assert not all(task.done() for task in slow)
        for task in slow:  # the customer hangs up: nothing is left of it
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
    assert (await bert.final(submitted.json()["transaction_id"]))["status"] == "success"
    assert (await anna.get(path)).json() == {"items": [], "next_cursor": None}


async def test_a_listing_whose_client_hung_up_is_stopped(hurried: Bank) -> None:
    anna = await hurried.customer()
    account = await anna.open_account(10)
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'giro-api-listings' AND wait_event_type = 'Lock'"
    )
    connection = await asyncpg.connect(hurried.system.settings.database_url)
    async with locked(hurried, "postings"):
        leaving = asyncio.create_task(anna.get(f"/accounts/{account['account_id']}/transactions"))
        await until(lambda: connection.fetchval(running))
        left = monotonic()
        leaving.cancel()
        await until(lambda: connection.fetchval(f"SELECT ({running}) = 0"))
        assert monotonic() - left < 0.4
    await connection.close()


async def test_the_process_for_quotes_does_not_outlive_its_api(hurried: Bank) -> None:
    assert (await hurried.client.post("/loans/quote", json=LONG)).status_code == 200
    api = hurried.system.running["api"].pid
    helpers = [child for child in children_of(api) if is_helper(child)]
    assert helpers
    os.kill(api, signal.SIGKILL)
    async with asyncio.timeout(10):
        while any(map(is_helper, helpers)):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.1)
    hurried.system.kill("api")


def children_of(pid: int) -> list[int]:
    own = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return own + [grandchild for child in own for grandchild in children_of(child)]


def is_helper(pid: int) -> bool:
    try:
        return "multiprocessing" in Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_crowd_of_logins_from_one_address_keeps_nobody_else_waiting() -> None:
    passwords = Passwords(rounds=8, threads=1)
    done: list[str] = []

    async def log_in(address: str) -> None:
        await passwords.verify(PASSWORD, None, whose=address)
        done.append(address)

    crowd = [asyncio.create_task(log_in("198.51.100.7")) for _ in range(30)]
    await asyncio.sleep(0)
    await log_in("192.0.2.1")
    assert done.index("192.0.2.1") <= 2
    assert not all(task.done() for task in crowd)
    await asyncio.gather(*crowd)
    passwords.close()


class Desk(Executor):
    """The other process as a list of what it was handed; the test says when it is done."""

    def __init__(self) -> None:
        self.handed: list[Future[Any]] = []

    def submit(self, *_work: Any, **_more: Any) -> Future[Any]:
        self.handed.append(Future())
        return self.handed[-1]


async def test_a_quote_that_nobody_waits_for_any_more_is_not_computed() -> None:
    quotes, desk = Quotes(), Desk()
    quotes._aside._executor = desk
    long = Terms(10_000_000, Decimal(10), 360, date(2026, 1, 1))
    found = quote(long)
    first, *given_up = (asyncio.create_task(quotes.quote(long, f"{n}")) for n in range(6))
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()
    await asyncio.gather(*given_up, return_exceptions=True)
    desk.handed[0].set_result(found)
    assert await first == found
    last = asyncio.create_task(quotes.quote(long, "last"))
    await until_handed(desk, 2)
    desk.handed[1].set_result(found)
    assert await last == found
    assert len(desk.handed) == 2


async def until_handed(desk: Desk, number: int) -> None:
    async with asyncio.timeout(5):
        while len(desk.handed) < number:  # noqa: ASYNC110 - the loop's own steps
            await asyncio.sleep(0)
