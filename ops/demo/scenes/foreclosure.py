"""Carla's first instalment is collected; then she pays the whole loan off."""

from decimal import Decimal

from rich.table import Table

from ops.demo.calendar import close_through, due_dates
from ops.demo.stage import Stage, check

TITLE = "A month later: an instalment, and a foreclosure"


async def play(stage: Stage) -> None:
    """Close the first month, then foreclose."""
    loan_id = stage.loans["carla"]
    await close_through(stage, (await due_dates(stage, "carla"))[0])
    schedule = await stage.call("carla", "GET", f"/loans/{loan_id}/schedule")
    first = schedule["instalments"][0]
    check(first["status"] == "paid", f"the first instalment is {first['status']}")
    stage.done(f"instalment 1, due {first['due_date']}: collected {first['paid']} on the day")

    payoff = await stage.call("carla", "GET", f"/loans/{loan_id}/payoff")
    table = Table("payoff on", "principal", "interest", "penalty", "fees", "total")
    names = ("principal", "interest", "penalty", "fees", "total")
    table.add_row(payoff["on"], *(stage.money(Decimal(payoff[name])) for name in names))
    stage.console.print(table)
    # What the instalment has cost, a friend makes up for.
    gift = {
        "from_account": stage.accounts["anna"],
        "to_account": stage.accounts["carla"],
        "amount": 500,
    }
    await stage.succeed("anna", "/transactions/transfer", gift)
    before = await stage.balance("carla")
    await stage.succeed("carla", f"/loans/{loan_id}/pay", {"mode": "foreclose"})
    loan = await stage.call("carla", "GET", f"/loans/{loan_id}")
    check(loan["status"] == "foreclosed", f"the loan is {loan['status']}")
    paid = before - await stage.balance("carla")
    check(paid == Decimal(payoff["total"]), f"paid {paid}, quoted {payoff['total']}")
    stage.done(f"foreclosed for exactly the payoff, {stage.money(paid)}")
