"""A user's own data, and saying farewell."""

from tests.bank import PASSWORD, Bank


async def test_personal_data_changes_field_by_field(bank: Bank) -> None:
    customer = await bank.customer(full_name="Asha Rao", phone="+49 30 1234")
    changed = await customer.put("/users/profile", {"address": "Unter den Linden 1"})
    assert changed.status_code == 200
    profile = (await customer.get("/users/profile")).json()
    assert profile == changed.json()
    assert profile["address"] == "Unter den Linden 1"
    assert profile["full_name"] == "Asha Rao", "what was left out stays"
    cleared = (await customer.put("/users/profile", {"phone": None})).json()
    assert cleared["phone"] is None


async def test_role_email_and_status_are_not_ones_own_to_change(bank: Bank) -> None:
    customer = await bank.customer()
    for field, value in (("role", "admin"), ("email", "x@example.org"), ("status", "active")):
        answer = await customer.put("/users/profile", {field: value})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field


async def test_nobody_leaves_while_money_is_left(bank: Bank) -> None:
    customer = await bank.customer()
    await customer.open_account(10)
    refused = await customer.delete("/users/profile")
    assert (refused.status_code, refused.json()["code"]) == (409, "money_left")
    assert (await customer.get("/users/profile")).status_code == 200


async def test_whoever_leaves_is_forgotten_and_may_come_back(bank: Bank) -> None:
    customer, friend = await bank.customer(full_name="Asha Rao"), await bank.customer()
    account, theirs = await customer.open_account(10), await friend.open_account()
    await customer.transfer(theirs, 10)

    assert (await customer.delete("/users/profile")).status_code == 204
    assert (await customer.get("/users/profile")).status_code == 401
    login = {"email": customer.email, "password": PASSWORD}
    assert (await bank.client.post("/auth/login", json=login)).status_code == 401

    admin = await bank.admin()
    closed = (await admin.get(f"/accounts/{account['account_id']}")).json()
    assert closed["status"] == "closed"
    assert (await admin.get(f"/admin/users/{customer.user_id}")).status_code == 404
    found = (await admin.get("/admin/users", params={"email": customer.email})).json()
    assert found["items"] == []

    again = await bank.client.post("/auth/register", json=login)
    assert again.status_code == 201
    assert again.json()["user_id"] != customer.user_id


async def test_a_closed_account_receives_nothing(bank: Bank) -> None:
    leaver, friend = await bank.customer(), await bank.customer()
    account = await leaver.open_account()
    await friend.open_account(10)
    assert (await leaver.delete("/users/profile")).status_code == 204
    refused = await friend.transfer(account, 1)
    assert (refused.status_code, refused.json()["code"]) == (400, "account_closed")


async def test_the_overview_shows_everything_at_a_glance(bank: Bank) -> None:
    customer, friend = await bank.customer(), await bank.customer()
    account, theirs = await customer.open_account("100.50"), await friend.open_account()
    await customer.transfer(theirs, "0.50")
    for path in ("/users/overview", "/overview"):
        overview = (await customer.get(path)).json()
        assert overview["profile"]["user_id"] == customer.user_id
        assert [own["account_id"] for own in overview["accounts"]] == [account["account_id"]]
        assert overview["accounts"][0]["balance"] == 100
        assert overview["loans"] == []
        kinds = [transaction["type"] for transaction in overview["transactions"]]
        assert kinds == ["transfer", "deposit"]
