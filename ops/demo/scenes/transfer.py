"""One transfer from submit to final: 202, poll, success, and both balances moved."""

from decimal import Decimal

from rich.table import Table

from ops.demo.stage import Stage, check, time_to_final_ms

TITLE = "A transfer: submit and poll"
AMOUNT = Decimal("1000.25")


async def play(stage: Stage) -> None:
    """Anna pays Ben."""
    before = await stage.balance("anna"), await stage.balance("ben")
    body = {
        "from_account": stage.accounts["anna"],
        "to_account": stage.accounts["ben"],
        "amount": AMOUNT,
        "description": "rent",
    }
    accepted = await stage.call("anna", "POST", "/transactions/transfer", body, expect=202)
    check(accepted["status"] == "pending", "a submit answers pending")
    stage.accepted.append(accepted["transaction_id"])
    record = await stage.final("anna", accepted["transaction_id"])
    after = await stage.balance("anna"), await stage.balance("ben")

    table = Table("", "before", "after")
    table.add_row("Anna", stage.money(before[0]), stage.money(after[0]))
    table.add_row("Ben", stage.money(before[1]), stage.money(after[1]))
    stage.console.print(table)
    check(record["status"] == "success", f"the transfer ended {record['status']}")
    check(after == (before[0] - AMOUNT, before[1] + AMOUNT), f"the balances are {after}")
    stage.done(
        f"accepted as pending, final {time_to_final_ms(record):.0f} ms later, "
        f"{stage.money(AMOUNT)} moved once"
    )
