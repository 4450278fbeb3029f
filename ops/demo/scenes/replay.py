"""The same request again: one key, one transaction, whatever the network did."""

import asyncio
import uuid
from decimal import Decimal

from ops.demo.stage import Stage, check

TITLE = "The same request twice"
AMOUNT = Decimal(25)
COPIES = 20


async def play(stage: Stage) -> None:
    """Ben's client sends twenty parallel copies, and then reuses the key for something else."""
    headers = {"Idempotency-Key": f"demo-{uuid.uuid4()}"}
    body = {
        "from_account": stage.accounts["ben"],
        "to_account": stage.accounts["carla"],
        "amount": AMOUNT,
    }
    before = await stage.balance("ben")

    async def copy() -> str:
        answer = await stage.call(
            "ben", "POST", "/transactions/transfer", body, expect=(200, 202), headers=headers
        )
        transaction_id: str = answer["transaction_id"]
        return transaction_id

    ids = set(await asyncio.gather(*(copy() for _ in range(COPIES))))
    check(len(ids) == 1, f"{COPIES} submits with one key made {len(ids)} transactions")
    stage.accepted.extend(ids)
    record = await stage.final("ben", ids.pop())
    check(record["status"] == "success", f"the transfer ended {record['status']}")
    check(await stage.balance("ben") == before - AMOUNT, "the amount left the account once")
    stage.done(f"{COPIES} parallel submits with one key: one transaction, one debit")

    refused = await stage.call(
        "ben",
        "POST",
        "/transactions/transfer",
        {**body, "amount": AMOUNT + 1},
        expect=422,
        headers=headers,
    )
    check(refused["code"] == "idempotency_key_reused", f"refused as {refused['code']}")
    stage.done("the key with another amount: 422 idempotency_key_reused")
