"""A crowd in a process of its own: far more clients than the bank can serve, for some seconds.

Reads what to do as JSON from its standard input; its history goes to a file.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.faults.caller import Caller
from tests.faults.history import History, Outcome

ITEMS = 200
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Orders:
    """What the crowd shall do. ``people``: e-mail, password, account numbers of each."""

    url: str
    seconds: float
    seed: str
    label: str
    log: str
    people: Sequence[tuple[str, str, Sequence[str]]]
    singles: int = 100
    batches: int = 100


async def pour(orders: Orders) -> History:
    """Have the crowd do its work in a process of its own; what it has seen."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.flood"), stdin=asyncio.subprocess.PIPE
    )
    try:
        await process.communicate(json.dumps(asdict(orders)).encode())
    finally:
        if process.returncode is None:
            process.kill()
    return History.read(Path(orders.log))


async def _all(orders: Orders) -> None:
    history = History(Path(orders.log))
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(base_url=orders.url, limits=limits, timeout=20) as client:
        people = []
        for number, (email, password, accounts) in enumerate(orders.people):
            caller = Caller(
                client, history, f"crowd-{number}", email, password, patience=PATIENCE_SECONDS
            )
            await caller.log_in()
            people.append((caller, accounts))
        until = time.monotonic() + orders.seconds
        kinds = ["single"] * orders.singles + ["batch"] * orders.batches
        await asyncio.gather(
            *(
                _one(orders, f"{kind}-{number}", *people[number % len(people)], until)
                for number, kind in enumerate(kinds)
            )
        )
    history.close()


async def _one(
    orders: Orders, name: str, caller: Caller, accounts: Sequence[str], until: float
) -> None:
    draw = random.Random(f"{orders.seed}/{name}")
    number = 0
    while time.monotonic() < until:
        number += 1
        mark = f"{orders.label}{name}-{number}"
        if name.startswith("batch"):
            items = [_transfer(draw, accounts, f"{mark}.{item}") for item in range(ITEMS)]
            call = await caller.call(
                "batch", "POST", "/transactions/batch", {"items": items}, mark=mark
            )
        else:
            body = _transfer(draw, accounts, mark)
            call = await caller.call(
                "transfer", "POST", "/transactions/transfer", body, mark=mark, key=mark
            )
        if call.outcome is not Outcome.ACCEPTED:
            await asyncio.sleep(draw.uniform(0, 0.2))


def _transfer(draw: random.Random, accounts: Sequence[str], mark: str) -> dict[str, Any]:
    payer, payee = draw.sample(list(accounts), 2)
    return {"from_account": payer, "to_account": payee, "amount": "0.01", "reference": mark}


if __name__ == "__main__":
    asyncio.run(_all(Orders(**json.load(sys.stdin))))
