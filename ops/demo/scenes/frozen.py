"""An admin freezes an account: nothing goes in or out until it is unfrozen."""

from decimal import Decimal

from ops.demo.stage import Stage, check

TITLE = "A frozen account"
AMOUNT = Decimal(10)


async def play(stage: Stage) -> None:
    """Carla's account is frozen and unfrozen."""
    number = stage.accounts["carla"]
    account = await stage.call("admin", "GET", f"/accounts/{number}")
    path = f"/accounts/{account['account_id']}"
    out = {
        "from_account": number,
        "to_account": stage.accounts["ben"],
        "amount": AMOUNT,
    }
    into = {
        "from_account": stage.accounts["ben"],
        "to_account": number,
        "amount": AMOUNT,
    }
    await stage.call("carla", "PUT", f"{path}/freeze", expect=403)
    await stage.call("admin", "PUT", f"{path}/freeze")
    for who, body in (("carla", out), ("ben", into)):
        refused = await stage.call(who, "POST", "/transactions/transfer", body, expect=400)
        check(refused["code"] == "account_frozen", f"refused as {refused['code']}")
    stage.done("frozen by an admin (a customer may not): 400 account_frozen, in and out")
    await stage.call("admin", "PUT", f"{path}/unfreeze")
    await stage.succeed("carla", "/transactions/transfer", out)
    stage.done("unfrozen: the same transfer succeeds")
