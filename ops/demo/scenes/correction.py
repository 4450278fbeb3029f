"""A payment of Ben's is entered ten days late, and wrongly; both are put right."""

from datetime import date, timedelta
from decimal import Decimal

from rich.table import Table

from ops.demo.stage import Json, Stage, check

TITLE = "A payment entered late, and wrongly"
ENTERED = Decimal(200)
PAID = Decimal(20)
DAYS_LATE = timedelta(days=10)


async def play(stage: Stage) -> None:
    """Enter a payment for its date, adjust it, and read the history."""
    loan = f"/loans/{stage.loans['ben']}"
    today = date.fromisoformat((await stage.call("ben", "GET", f"{loan}/payoff"))["on"])
    body = {"amount": ENTERED, "value_date": (today - DAYS_LATE).isoformat(), "reason": "by post"}
    before = await stage.balance("ben")
    await stage.call("ben", "POST", f"{loan}/pay", body, expect=403)
    entered = await stage.succeed("officer", f"{loan}/pay", body)
    check(entered["value_date"] == body["value_date"], f"entered for {entered['value_date']}")
    wrong = entered["transaction_id"]
    right = {"amount": PAID, "reason": "a nought too many"}
    await stage.succeed("officer", f"{loan}/payments/{wrong}/adjust", right)
    history = await stage.call("ben", "GET", f"{loan}/history")
    _show(stage, history["items"])
    kinds = [(each["kind"], Decimal(each["amount"])) for each in history["items"]]
    check(("undoing", ENTERED) in kinds, f"the history knows no undoing: {kinds}")
    check(("payment", PAID) in kinds, f"the history does not know what was paid: {kinds}")
    cost = before - await stage.balance("ben")
    check(cost == PAID, f"the account paid {cost}, not {PAID}")
    stage.done(
        f"{stage.money(PAID)} count from {body['value_date']}: the loan was lived again, the wrong "
        "payment stands beside the right one"
    )


def _show(stage: Stage, events: list[Json]) -> None:
    table = Table("counts from", "what", "amount", "undone")
    for event in reversed(events):
        undone = "yes" if event["undone_by"] else ""
        amount = stage.money(Decimal(event["amount"]))
        table.add_row(event["value_date"], event["kind"], amount, undone)
    stage.console.print(table)
