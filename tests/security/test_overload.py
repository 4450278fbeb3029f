"""Overload: who is too many is told so at once, and nobody else notices much of it.

``OVERLOAD_SECONDS=60 OVERLOAD_CLIENTS=200 OVERLOAD_BATCH_CLIENTS=200`` make it the long trial;
``-s`` shows the figures.
"""

import asyncio
import os
from dataclasses import replace

import asyncpg
import httpx2

from tests.bank import Bank
from tests.security.overload import ITEMS, Overload

SECONDS = float(os.environ.get("OVERLOAD_SECONDS", "3"))
CLIENTS = int(os.environ.get("OVERLOAD_CLIENTS", "40"))
# More than two customers may have waiting.
BATCH_CLIENTS = int(os.environ.get("OVERLOAD_BATCH_CLIENTS", "140"))
MEBIBYTE = 1_048_576


async def test_too_many_batches_are_turned_away_and_the_others_go_on(bank: Bank) -> None:
    # Given a few customers who send batch after batch from many connections, and many others
    crowd = [await bank.customer() for _ in range(2)]
    others = [await bank.customer() for _ in range(8)]
    for person in (*crowd, *others):
        await person.open_account(9_999_999)
    to = await others[0].open_account()
    # When all of them come at once
    overload = Overload(bank, bank.system.running["api"].pid, SECONDS, BATCH_CLIENTS, CLIENTS)
    story = await overload.play(crowd, others[1:], to)
    print(story.figures())  # noqa: T201 - what the long trial is for
    # Then batches are taken or turned away, single transfers taken, and the probe answered
    assert set(story.batches) == {"202", "503 overloaded"}
    assert set(story.singles) == {"202"}
    assert set(story.ready) == {200}
    assert not story.broken
    assert max(story.memory) - story.memory[0] < 100 * MEBIBYTE
    # And what was turned away is not there, what was taken is whole
    await check_the_books(bank, story.accepted, story.refused)


async def check_the_books(bank: Bank, accepted: list[str], refused: list[str]) -> None:
    connection = await asyncpg.connect(bank.system.settings.database_url)
    count = "SELECT reference, count(*) FROM transactions WHERE reference = ANY($1) GROUP BY 1"
    assert await connection.fetch(count, refused) == []
    assert {tuple(row) for row in await connection.fetch(count, accepted)} == {
        (mark, ITEMS) for mark in accepted
    }
    await connection.close()


async def test_one_customer_has_only_so_many_requests_under_way(bank: Bank) -> None:
    hoarder, other = await bank.customer(), await bank.customer()
    await hoarder.open_account(10)
    await other.open_account(10)
    limit = bank.system.settings.max_running_requests_per_user
    unlimited = httpx2.Limits(max_connections=None)
    with bank.worker_stopped():
        held = await hoarder.post("/transactions/deposit", {"amount": 1})
        path, wait = held.headers["location"], {"Prefer": "wait=3"}
        async with httpx2.AsyncClient(
            base_url=bank.system.url, timeout=30, limits=unlimited
        ) as client:
            *answers, others = await asyncio.gather(
                *(
                    replace(hoarder, client=client).get(path, headers=wait)
                    for _ in range(limit + 20)
                ),
                other.post("/transactions/deposit", {"amount": 1}),
            )
    codes = [answer.json().get("code") for answer in answers]
    assert codes.count("too_many_running") == 20
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) > 0
    assert others.status_code == 202
    again = await hoarder.get("/users/profile")
    assert again.status_code == 200
