"""Who looks all the while: at lists, statements and transactions, as their owners see them."""

from typing import Any

from tests.faults.workload import Workload

PAGE = 100


async def read(work: Workload) -> None:
    """Look at something at random, again and again."""
    draw = work.draw("reader")
    looks = (_family, _statement, _statement, _again)
    while not work.over.is_set():
        await draw.choice(looks)(work, draw)
        await work.pause(draw.uniform(0, 0.2))


async def _family(work: Workload, _draw: Any) -> None:
    """All of a family's accounts at one moment: its money is moved around, never in or out."""

    def balances(answer: Any) -> Any:
        return {"balances": [account["balance"] for account in answer["items"]]}

    caller = work.cast.family.caller
    await caller.call("family", "GET", "/accounts?limit=200", keep=balances)


async def _statement(work: Workload, draw: Any) -> None:
    """The latest page of an account's statement, the newest entry first."""

    def entries(answer: Any) -> Any:
        names = ("entry_id", "amount", "balance_after")
        return {"entries": [[entry[name] for name in names] for entry in answer["items"]]}

    holder = draw.choice([*work.cast.payers, work.cast.family])
    path = f"/accounts/{draw.choice(holder.accounts)}/transactions?limit={PAGE}"
    await holder.caller.call("statement", "GET", path, keep=entries)


async def _again(work: Workload, draw: Any) -> None:
    """A transaction that was final: it still is, and as it was."""
    if work.settled:
        caller, transaction_id, _ = draw.choice(work.settled)
        await caller.call("look", "GET", f"/transactions/{transaction_id}")
