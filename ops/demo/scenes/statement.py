"""Anna's statement: every entry with the balance after it, adding up to the balance."""

from decimal import Decimal

from rich.table import Table

from ops.demo.stage import Stage, check

TITLE = "The statement"
SHOWN = 5


async def play(stage: Stage) -> None:
    """Read all pages in order and add them up."""
    number = stage.accounts["anna"]
    entries = []
    cursor = ""
    while True:
        path = f"/accounts/{number}/transactions?order=asc&limit=200{cursor}"
        page = await stage.call("anna", "GET", path)
        entries += page["items"]
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    running = Decimal(0)
    for entry in entries:
        running += Decimal(entry["amount"])
        check(
            Decimal(entry["balance_after"]) == running,
            f"entry {entry['entry_id']} says {entry['balance_after']}, the sum is {running}",
        )
    check(running == await stage.balance("anna"), "the entries add up to the balance")
    table = Table("type", "amount", "balance after", "description")
    for entry in entries[:SHOWN]:
        table.add_row(
            entry["type"],
            stage.money(Decimal(entry["amount"])),
            stage.money(Decimal(entry["balance_after"])),
            entry["description"] or "",
        )
    stage.console.print(table)
    stage.done(f"all {len(entries)} entries add up to {stage.money(running)}")
