"""Accounts are opened with a deposit, and some customers have more than one."""

from decimal import Decimal

from rich.table import Table

from ops.demo.stage import Stage, check

TITLE = "Opening accounts"
OPENINGS = (
    ("anna", Decimal(5000)),
    ("ben", Decimal("1200.50")),
    ("carla", Decimal(800)),
    ("dev", Decimal(100)),
    ("anna/savings", Decimal(0)),
)


async def play(stage: Stage) -> None:
    """Open them all; the opening deposit is booked before the answer."""
    table = Table("owner", "IBAN", "status", "balance")
    for key, deposit in OPENINGS:
        owner = key.split("/")[0]
        body = {"nickname": key, "currency": stage.currency}
        if deposit:
            body["initial_deposit"] = str(deposit)
        account = await stage.call(owner, "POST", "/accounts", body, expect=201)
        check(Decimal(account["balance"]) == deposit, f"{key} opened with {account['balance']}")
        stage.accounts[key] = account["account_number"]
        table.add_row(
            key, account["iban"], account["status"], stage.money(Decimal(account["balance"]))
        )
    stage.console.print(table)
    number = stage.accounts["ben"]
    await stage.call("anna", "GET", f"/accounts/{number}", expect=404)
    stage.done("somebody else's account is 404, exactly like one that does not exist")
