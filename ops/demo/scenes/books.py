"""The bank's books: debits equal credits, and every promise holds."""

from decimal import Decimal

from rich.table import Table

from ops.books import render, verify_books
from ops.demo.stage import DemoFailedError, Stage, check
from ops.run.target import running_settings

TITLE = "The books"


async def play(stage: Stage) -> None:
    """The trial balance as an admin sees it, then `giro verify`."""
    balance = await stage.call("admin", "GET", "/admin/ledger/trial-balance")
    table = Table("code", "account", "type", "currency", "debit", "credit")
    for row in balance["rows"]:
        debit, credit = Decimal(row["debit"]), Decimal(row["credit"])
        if debit or credit:
            table.add_row(
                row["code"],
                row["name"],
                row["type"],
                row["currency"],
                f"{debit:,.2f}" if debit else "",
                f"{credit:,.2f}" if credit else "",
            )
    stage.console.print(table)
    for total in balance["totals"]:
        debit, credit = Decimal(total["debit"]), Decimal(total["credit"])
        check(debit == credit, f"{total['currency']}: debits {debit}, credits {credit}")
        stage.done(f"debits equal credits: {debit:,.2f} {total['currency']}")

    settings = running_settings(stage.home)
    if settings is None:
        raise DemoFailedError(f"nothing runs on {stage.home}")
    checks = await verify_books(settings)
    stage.console.print(render(checks))
    check(all(found.ok for found in checks), "giro verify found a breach")
    stage.done(f"giro verify: all {len(checks)} checks pass")
