"""What is not there cannot be spent: refused at the door, and at settlement when it is a race."""

import asyncio
from decimal import Decimal

from ops.demo.stage import DemoFailedError, Stage, check

TITLE = "Money that is not there"
RACERS = 10


async def play(stage: Stage) -> None:
    """Dev asks for more than he has, then tries to spend his balance ten times at once."""
    balance = await stage.balance("dev")
    body = {"from_account": stage.accounts["dev"], "to_account": stage.accounts["anna"]}
    refused = await stage.call(
        "dev", "POST", "/transactions/transfer", {**body, "amount": balance + 1}, expect=400
    )
    check(refused["code"] == "insufficient_funds", f"refused as {refused['code']}")
    stage.done(f"{stage.money(balance + 1)} from {stage.money(balance)}: 400 insufficient_funds")

    outcomes = await asyncio.gather(
        *(_spend(stage, {**body, "amount": balance}) for _ in range(10))
    )
    check(outcomes.count("success") == 1, f"the outcomes of the race were {outcomes}")
    check(set(outcomes) <= {"success", "insufficient_funds"}, f"unexpected: {outcomes}")
    check(await stage.balance("dev") == 0, "the account is empty, not below")
    stage.done(f"{RACERS} parallel transfers of the whole balance: one succeeds")

    allowed = Decimal(200)
    number = stage.accounts["dev"]
    account = await stage.call("dev", "GET", f"/accounts/{number}")
    path = f"/accounts/{account['account_id']}/overdraft"
    await stage.call("admin", "PUT", path, {"overdraft_limit": allowed})
    await stage.succeed("dev", "/transactions/transfer", {**body, "amount": allowed})
    check(await stage.balance("dev") == -allowed, "the agreed overdraft is used")
    await stage.call("dev", "POST", "/transactions/transfer", {**body, "amount": 1}, expect=400)
    stage.done(f"with an agreed overdraft of {stage.money(allowed)}: down to it, and no further")


async def _spend(stage: Stage, body: dict[str, object]) -> str:
    """`success`, or the code with which it was refused or failed."""
    answer = await stage.call("dev", "POST", "/transactions/transfer", body, expect=(200, 202, 400))
    if "transaction_id" not in answer:
        return str(answer["code"])
    transaction_id = answer["transaction_id"]
    stage.accepted.append(transaction_id)
    record = await stage.final("dev", transaction_id)
    if record["status"] == "failed" and not record["failure_code"]:
        raise DemoFailedError(f"{transaction_id} failed without a code")
    return str(record["failure_code"] or record["status"])
