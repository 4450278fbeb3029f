"""The system as its clients see it: submits over HTTP, one by one and in batches."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2

from core.foundation import clock
from core.foundation.config import Settings
from ops.bench import backlog, load, seed
from ops.bench.plan import Plan
from ops.embedded import EmbeddedError
from ops.figures import percentile

# Requests made beforehand for each connection, sent round and round.
PREPARED = 400
ACCEPTED = 202

_OUTCOME = """
SELECT count(*) AS accepted,
       count(*) FILTER (WHERE status = 'success') AS settled,
       count(*) FILTER (WHERE settled_at <= $2) AS settled_in_time,
       coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY settled_at - created_at),
                '0 s'::interval) AS p50,
       coalesce(percentile_cont(0.99) WITHIN GROUP (ORDER BY settled_at - created_at),
                '0 s'::interval) AS p99
FROM transactions WHERE created_at >= $1
"""


@dataclass(frozen=True)
class Clients:
    """The customers of the load, logged in, with their accounts."""

    database_url: str
    host: str
    port: int
    tokens: dict[str, str]
    accounts: Sequence[seed.Account]


async def prepare(api_url: str, settings: Settings, plan: Plan) -> Clients:
    """Open the accounts, let the system settle their opening deposits, log everybody in."""
    connection = await asyncpg.connect(settings.owner_url)
    try:
        owners = await seed.customers(connection, plan.customers)
        accounts = await seed.accounts(connection, owners, plan.accounts, settings)
        await seed.pending_deposits(connection, accounts, settings)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    tokens = {}
    async with httpx2.AsyncClient(base_url=api_url, timeout=30) as client:
        for owner in owners:
            body = {"email": owner.email, "password": owner.password}
            answer = (await client.post("/auth/login", json=body)).raise_for_status()
            tokens[owner.email] = answer.json()["access_token"]
    # The scheduler's sweep finds the deposits: nobody has rung for them.
    await backlog.until_drained(settings.auditor_url)
    where = urlsplit(api_url)
    return Clients(settings.auditor_url, where.hostname or "", where.port or 0, tokens, accounts)


def singles(clients: Clients, plan: Plan) -> list[list[bytes]]:
    """Single transfers between random accounts, for each connection its own."""
    draw = random.Random(1)
    return [
        [_single(clients, *draw.sample(clients.accounts, 2)) for _ in range(PREPARED)]
        for _ in range(plan.connections)
    ]


def batches(clients: Clients, plan: Plan) -> list[list[bytes]]:
    """Batches of transfers, all of a batch from one customer's accounts."""
    draw = random.Random(2)
    by_owner: dict[str, list[seed.Account]] = {}
    for account in clients.accounts:
        by_owner.setdefault(account.owner.email, []).append(account)
    owners = sorted(by_owner)
    return [
        [
            _batch(clients, by_owner[owner], plan.batch_items, draw)
            for owner in draw.sample(owners, min(8, len(owners)))
        ]
        for _ in range(plan.batch_connections)
    ]


async def measure(
    clients: Clients, requests: Sequence[Sequence[bytes]], seconds: float
) -> dict[str, Any]:
    """Load, wait until all is final, and count in the database what became of it.

    Raises EmbeddedError where an answer was not 202 or a movement did not succeed.
    """
    since = clock.now()
    async with backlog.watched(clients.database_url) as seen:
        tally = await load.run(clients.host, clients.port, requests, seconds)
    until = clock.now()
    drained_seconds = await backlog.until_drained(clients.database_url)
    connection = await asyncpg.connect(clients.database_url)
    try:
        (outcome,) = await connection.fetch(_OUTCOME, since, until)
    finally:
        await connection.close()
    if set(tally.statuses) != {ACCEPTED} or outcome["accepted"] != outcome["settled"]:
        raise EmbeddedError(
            f"not everything was accepted and settled: answers {dict(tally.statuses)}, "
            f"accepted {outcome['accepted']}, settled {outcome['settled']}"
        )
    lasted = (until - since).total_seconds()
    return {
        "accepted": outcome["accepted"],
        "accepted_per_second": outcome["accepted"] / lasted,
        "settled_per_second": outcome["settled_in_time"] / lasted,
        "submit_p50_ms": percentile(tally.seconds, 50) * 1e3,
        "submit_p99_ms": percentile(tally.seconds, 99) * 1e3,
        "final_p50_ms": outcome["p50"].total_seconds() * 1e3,
        "final_p99_ms": outcome["p99"].total_seconds() * 1e3,
        "backlog": seen.summary(),
        "drained_after_seconds": round(drained_seconds, 3),
    }


def _single(clients: Clients, payer: seed.Account, payee: seed.Account) -> bytes:
    body = {"from_account": payer.number, "to_account": payee.number, "amount": "0.01"}
    token = clients.tokens[payer.owner.email]
    return load.request("POST", "/transactions/transfer", token, json.dumps(body).encode())


def _batch(clients: Clients, own: Sequence[seed.Account], items: int, draw: random.Random) -> bytes:
    transfers = []
    for _ in range(items):
        payer = draw.choice(own)
        payee = draw.choice(clients.accounts)
        while payee is payer:
            payee = draw.choice(clients.accounts)
        transfers.append(
            {"from_account": payer.number, "to_account": payee.number, "amount": "0.01"}
        )
    token = clients.tokens[own[0].owner.email]
    body = json.dumps({"items": transfers}).encode()
    return load.request("POST", "/transactions/batch", token, body)


async def warm_up(clients: Clients, plan: Plan) -> None:
    """A short load that is not measured."""
    await load.run(clients.host, clients.port, singles(clients, plan), plan.warm_up_seconds)
    await backlog.until_drained(clients.database_url)
