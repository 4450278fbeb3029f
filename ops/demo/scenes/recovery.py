"""Dev's recovery case: what the bank could set off, an officer's note, and the write-off."""

from decimal import Decimal

from rich.table import Table

from ops.demo.stage import Stage, check

TITLE = "Recovery and write-off"


async def play(stage: Stage) -> None:
    """Show the case, work on it, write the loan off."""
    loan_id = stage.loans["dev"]
    path = f"/loans/{loan_id}/recovery"
    left = await stage.balance("dev/other")
    check(left == 0, f"set-off has left {left} on Dev's other account")
    stage.done("set-off took what Dev's other account held, and no more")

    await stage.call("officer", "POST", path, {"action": "note", "note": "moved, unknown where"})
    write_off = {"action": "write_off", "reason": "cannot be found"}
    await stage.call("officer", "POST", path, write_off, expect=403)
    await stage.call("admin", "POST", path, write_off, expect=(200, 202))
    case = await stage.call("officer", "GET", path)
    table = Table("at", "who", "action", "detail")
    for step in case["history"][-8:]:
        table.add_row(step["at"][:19], step["actor"], step["action"], step["detail"])
    stage.console.print(table)
    loan = await stage.call("dev", "GET", f"/loans/{loan_id}")
    check(loan["status"] == "written_off", f"the loan is {loan['status']}")
    check(Decimal(loan["outstanding_principal"]) == 0, "nothing is outstanding any more")
    stage.done("written off by an admin (an officer may not): a loss in the books, nothing deleted")
