"""Twelve months of business days: Ben's loan repays itself, Dev's goes into default."""

from datetime import timedelta
from decimal import Decimal

from rich.table import Table

from ops.demo.calendar import close_through, due_dates
from ops.demo.stage import Stage, check

TITLE = "Twelve months of business days"
# Past the longest weekend after the last due date.
SLACK = timedelta(days=4)


async def play(stage: Stage) -> None:
    """Dev spends his loan and leaves; every business day of a year is closed."""
    spent = await stage.balance("dev")
    if spent > 0:
        body = {
            "from_account": stage.accounts["dev"],
            "to_account": stage.accounts["anna"],
            "amount": spent,
        }
        await stage.succeed("dev", "/transactions/transfer", body)
    other = await stage.call("dev", "POST", "/accounts", {"initial_deposit": 50}, expect=201)
    stage.accounts["dev/other"] = other["account_number"]
    # Enough for every instalment to come, as a salary would be.
    await stage.succeed(
        "admin",
        "/transactions/credit",
        {
            "account_id": stage.accounts["ben"],
            "amount": 5000,
            "description": "salary",
        },
    )

    last = (await due_dates(stage, "ben"))[-1] + SLACK
    await close_through(stage, last)
    schedule = await stage.call("ben", "GET", f"/loans/{stage.loans['ben']}/schedule")
    rows = schedule["instalments"]
    table = Table("no.", "due", "principal", "interest", "total", "paid", "status")
    for row in rows:
        names = ("principal", "interest", "total", "paid")
        figures = (f"{Decimal(row[name]):,.2f}" for name in names)
        table.add_row(str(row["number"]), row["due_date"], *figures, row["status"])
    stage.console.print(table)
    check(all(row["status"] == "paid" for row in rows), "Ben has paid every instalment")
    loan = await stage.call("ben", "GET", f"/loans/{stage.loans['ben']}")
    check(loan["status"] == "closed", f"Ben's loan is {loan['status']}")
    check(Decimal(loan["outstanding_principal"]) == 0, "nothing is outstanding")
    stage.done(f"all business days through {last}: Ben's {len(rows)} instalments collected, closed")

    loan = await stage.call("dev", "GET", f"/loans/{stage.loans['dev']}")
    check(bool(loan["in_default"]), f"Dev's loan: {loan}")
    check(loan["classification"] == "npa", f"Dev's loan is {loan['classification']}")
    stage.done(
        f"Dev is {loan['dpd']} days past due: {loan['classification']}, in default, "
        f"{stage.money(Decimal(loan['overdue_amount']))} overdue"
    )
