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


async def test_nobody_leaves_while_a_transaction_is_under_way(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account()
    path = f"/accounts/{account['account_id']}"
    with bank.worker_stopped():  # the account stays empty: nothing else keeps its owner
        deposit = await customer.post("/transactions/deposit", {"amount": 10})
        for refused in (await customer.delete("/users/profile"), await admin.delete(path)):
            assert (refused.status_code, refused.json()["code"]) == (409, "transactions_pending")
        pending = await customer.get(deposit.headers["location"])
        assert pending.json()["status"] == "pending", "it was so all the time"
    assert (await customer.final(deposit.json()["transaction_id"]))["status"] == "success"
    refused = await customer.delete("/users/profile")
    assert (refused.status_code, refused.json()["code"]) == (409, "money_left")
    await customer.post("/transactions/withdrawal", {"amount": 10}, headers={"Prefer": "wait=20"})
    assert (await customer.delete("/users/profile")).status_code == 204
    assert (await admin.get(path)).json()["status"] == "closed"


async def test_a_payee_does_not_leave_while_money_is_on_its_way(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    await payer.open_account(10)
    account = await payee.open_account()
    body = {"to_account": account["account_number"], "amount": 10}
    with bank.worker_stopped():
        transfer = await payer.post("/transactions/transfer", body)
        refused = await payee.delete("/users/profile")
        assert (refused.status_code, refused.json()["code"]) == (409, "transactions_pending")
    assert (await payer.final(transfer.json()["transaction_id"]))["status"] == "success"


async def test_nobody_leaves_while_a_loan_lives(bank: Bank) -> None:
    """From the application to the last payment; the account is empty each time that it is tried."""
    customer, officer, admin = await bank.customer(), await bank.officer(), await bank.admin()
    account = await customer.open_account()
    wait = {"Prefer": "wait=20"}

    async def stays() -> None:
        assert await customer.balance(account) == 0
        path = f"/accounts/{account['account_id']}"
        for refused in (await customer.delete("/users/profile"), await admin.delete(path)):
            assert (refused.status_code, refused.json()["code"]) == (409, "loan_left")

    body = {"amount": 1_200, "tenure_months": 12, "monthly_income": 50_000}
    loan = (await customer.post("/loans/apply", body)).json()["loan_id"]
    await stays()
    approved = await officer.put(f"/loans/{loan}/approve", {"interest_rate": 12})
    assert (await officer.final(approved.json()["transaction_id"]))["status"] == "success"
    await customer.post("/transactions/withdrawal", {"amount": 1_200}, headers=wait)
    await stays()
    owed = (await customer.get(f"/loans/{loan}/payoff")).json()["total"]
    await customer.post("/transactions/deposit", {"amount": owed}, headers=wait)
    paid = await customer.post(f"/loans/{loan}/pay", {"mode": "foreclose"}, headers=wait)
    assert paid.json()["status"] == "success", paid.text
    assert await customer.balance(account) == 0
    assert (await customer.delete("/users/profile")).status_code == 204


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
