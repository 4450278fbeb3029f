"""A thousand transfers at once, each polled to its end; the sum of all balances stays the same."""

import asyncio
import time
from decimal import Decimal

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ops.demo.stage import Json, Stage, check, time_to_final_ms
from ops.figures import percentile

TITLE = "A thousand transfers at once"
TRANSFERS = 1000
AT_ONCE = 64
AMOUNT = Decimal("0.01")
RING = ("anna", "ben", "carla")


async def play(stage: Stage) -> None:
    """Anna, Ben and Carla pay each other round and round."""
    before = {key: await stage.balance(key) for key in RING}
    gate = asyncio.Semaphore(AT_ONCE)
    started = time.monotonic()
    progress = Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=stage.console,
    )
    with progress:
        accepted = progress.add_task("accepted", total=TRANSFERS)
        settled = progress.add_task("settled", total=TRANSFERS)

        async def transfer(number: int) -> Json:
            payer, payee = RING[number % 3], RING[(number + 1) % 3]
            body: Json = {
                "from_account": stage.accounts[payer],
                "to_account": stage.accounts[payee],
                "amount": AMOUNT,
                "reference": f"burst {number}",
            }
            async with gate:
                transaction_id = await stage.submit(payer, "/transactions/transfer", body)
                progress.advance(accepted)
                record = await stage.final(payer, transaction_id)
            progress.advance(settled)
            return record

        records = await asyncio.gather(*(transfer(number) for number in range(TRANSFERS)))
    seconds = time.monotonic() - started
    failed = [record for record in records if record["status"] != "success"]
    check(not failed, f"{len(failed)} transfers failed, the first: {failed[:1]}")
    check(len({r["transaction_id"] for r in records}) == TRANSFERS, "each has an id of its own")
    after = {key: await stage.balance(key) for key in RING}
    check(sum(before.values()) == sum(after.values()), f"money was made or lost: {before} {after}")
    _show(stage, records, seconds)
    stage.done(f"{TRANSFERS} accepted, {TRANSFERS} settled, not a cent made or lost")


def _show(stage: Stage, records: list[Json], seconds: float) -> None:
    times = [time_to_final_ms(record) for record in records]
    table = Table("transfers", "seconds", "per second", "p50 to final", "p99 to final")
    table.add_row(
        str(len(records)),
        f"{seconds:.1f}",
        f"{len(records) / seconds:,.0f}",
        f"{percentile(times, 50):.0f} ms",
        f"{percentile(times, 99):.0f} ms",
    )
    stage.console.print(table)
