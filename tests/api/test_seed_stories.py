"""The stories that the product was asked for in: accounts, transfers, who may do what."""

from tests.bank import PASSWORD, Bank


async def test_a_customer_registers_logs_in_and_opens_an_account(bank: Bank) -> None:
    credentials = {"email": "story.one@example.org", "password": PASSWORD}
    registered = await bank.client.post("/auth/register", json=credentials)
    assert registered.status_code == 201
    login = await bank.client.post("/auth/login", json=credentials)
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}

    opened = await bank.client.post("/accounts", json={"initial_deposit": 5000}, headers=headers)
    assert opened.status_code == 201
    account = opened.json()
    assert account["balance"] == 5000
    assert len(account["account_number"]) == 10

    for name in (account["account_id"], account["account_number"]):
        shown = await bank.client.get(f"/accounts/{name}", headers=headers)
        assert shown.status_code == 200
        assert shown.json()["balance"] == 5000
        assert shown.json()["status"] == "active"
        assert shown.json()["created_at"]


async def test_a_transfer_moves_money_and_leaves_a_record(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    account_a, account_b = await payer.open_account(2500), await payee.open_account()
    body = {"to_account": account_b["account_number"], "amount": 1000}
    submitted = await payer.post("/transactions/transfer", body)
    assert submitted.status_code == 202
    assert submitted.json()["status"] == "pending"

    transaction = await payer.final(submitted.json()["transaction_id"])
    assert transaction["type"] == "transfer"
    assert transaction["status"] == "success"
    assert transaction["amount"] == 1000
    assert transaction["from_account"] == account_a["account_number"]
    assert transaction["to_account"] == account_b["account_number"]
    assert transaction["failure_code"] is None
    assert await payer.balance(account_a) == 1500
    assert await payee.balance(account_b) == 1000
    listed = (await payee.get("/transactions")).json()["items"]
    assert listed[0] == transaction


async def test_more_than_the_balance_cannot_be_transferred(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    account, other = await payer.open_account(100), await payee.open_account()
    refused = await payer.transfer(other, "100.01")
    assert refused.status_code == 400
    assert refused.json()["code"] == "insufficient_funds"
    assert await payer.balance(account) == 100
    assert await payee.balance(other) == 0


async def test_a_frozen_account_neither_sends_nor_receives(bank: Bank) -> None:
    payer, payee, admin = await bank.customer(), await bank.customer(), await bank.admin()
    account, other = await payer.open_account(100), await payee.open_account(100)
    frozen = await admin.put(f"/accounts/{account['account_id']}/freeze")
    assert frozen.json()["status"] == "frozen"
    for refused in (await payer.transfer(other, 1), await payee.transfer(account, 1)):
        assert (refused.status_code, refused.json()["code"]) == (400, "account_frozen")
    thawed = await admin.put(f"/accounts/{account['account_id']}/unfreeze")
    assert thawed.json()["status"] == "active"
    assert (await payer.transfer(other, 1)).json()["status"] == "success"


async def test_an_overdraft_is_used_to_its_limit_and_no_further(bank: Bank) -> None:
    payer, payee, admin = await bank.customer(), await bank.customer(), await bank.admin()
    account, other = await payer.open_account(10), await payee.open_account()
    path = f"/accounts/{account['account_id']}/overdraft"
    allowed = await admin.put(path, {"overdraft_limit": "50.00"})
    assert (allowed.json()["overdraft_limit"], allowed.json()["available"]) == (50, 60)
    assert (await payer.transfer(other, "60.01")).json()["code"] == "insufficient_funds"
    assert (await payer.transfer(other, 60)).json()["status"] == "success"
    assert await payer.balance(account) == -50
    in_use = await admin.put(path, {"overdraft_limit": 40})
    assert (in_use.status_code, in_use.json()["code"]) == (409, "overdraft_in_use")


async def test_cash_comes_in_and_goes_out_at_the_counter(bank: Bank) -> None:
    customer = await bank.customer()
    account = await customer.open_account()
    wait = {"Prefer": "wait=20"}
    deposit = await customer.post("/transactions/deposit", {"amount": 80}, headers=wait)
    assert deposit.json()["status"] == "success"
    assert deposit.json()["to_account"] == account["account_number"]
    assert deposit.json()["from_account"] is None
    body = {"account": account["account_number"], "amount": "30.50"}
    withdrawal = await customer.post("/transactions/withdrawal", body, headers=wait)
    assert withdrawal.json()["type"] == "withdrawal"
    assert await customer.balance(account) == 49.5
    strangers = await (await bank.customer()).post("/transactions/deposit", body)
    assert strangers.status_code == 404


async def test_staff_credit_and_debit_any_account(bank: Bank) -> None:
    customer, officer = await bank.customer(), await bank.officer()
    account = await customer.open_account(10)
    for kind, amount, balance in (("credit", "5.25", 15.25), ("debit", 15, 0.25)):
        body = {"account_id": account["account_id"], "amount": amount, "description": "Correction"}
        headers = {"Prefer": "wait=20"}
        answer = await officer.post(f"/transactions/{kind}", body, headers=headers)
        assert (answer.json()["type"], answer.json()["status"]) == (kind, "success")
        assert await customer.balance(account) == balance


async def test_a_transfer_is_reversed_once(bank: Bank) -> None:
    payer, payee, admin = await bank.customer(), await bank.customer(), await bank.admin()
    account, other = await payer.open_account(100), await payee.open_account()
    transfer = (await payer.transfer(other, 40)).json()["transaction_id"]
    wait = {"Prefer": "wait=20"}
    answer = await admin.post(f"/transactions/{transfer}/reverse", headers=wait)
    reversal = answer.json()
    assert (reversal["type"], reversal["status"]) == ("reversal", "success")
    assert reversal["reverses"] == transfer
    assert (await payer.final(transfer))["reversed_by"] == reversal["transaction_id"]
    assert (await payer.balance(account), await payee.balance(other)) == (100, 0)
    again = await admin.post(f"/transactions/{transfer}/reverse")
    assert (again.status_code, again.json()["code"]) == (409, "already_reversed")


async def test_a_hidden_transaction_is_gone_but_its_money_stays_moved(bank: Bank) -> None:
    payer, payee, admin = await bank.customer(), await bank.customer(), await bank.admin()
    account, other = await payer.open_account(100), await payee.open_account()
    transfer = (await payer.transfer(other, 40)).json()["transaction_id"]
    assert (await admin.delete(f"/transactions/{transfer}")).status_code == 204
    assert (await payer.get(f"/transactions/{transfer}")).status_code == 404
    assert (await admin.delete(f"/transactions/{transfer}")).status_code == 404
    assert (await payer.balance(account), await payee.balance(other)) == (60, 40)
    log = (await admin.get("/admin/audit", params={"subject_id": transfer})).json()["items"]
    assert [entry["action"] for entry in log] == ["transaction.hide"]


async def test_an_account_closes_only_when_it_is_empty(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account(1)
    path = f"/accounts/{account['account_id']}"
    refused = await admin.delete(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "money_left")
    wait = {"Prefer": "wait=20"}
    await customer.post("/transactions/withdrawal", {"amount": 1}, headers=wait)
    assert (await admin.delete(path)).status_code == 204
    assert (await customer.get(path)).json()["status"] == "closed"
    assert (await admin.delete(path)).status_code == 409
    assert (await admin.put(f"{path}/freeze")).status_code == 409


async def test_a_batch_settles_each_transfer_by_itself(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    account, other = await payer.open_account(100), await payee.open_account()
    good = {"to_account": other["account_number"], "amount": 10}
    lost = {"to_account": "0000000000", "amount": 10}
    submitted = await payer.post("/transactions/batch", {"items": [good, lost, good]})
    assert submitted.status_code == 202
    batch = submitted.json()
    assert (batch["accepted"], batch["rejected"]) == (2, 1)
    assert [item["status"] for item in batch["items"]] == ["pending", "rejected", "pending"]
    assert batch["items"][1]["code"] == "account_not_found"
    for item in (batch["items"][0], batch["items"][2]):
        final = await payer.final(item["transaction_id"])
        assert (final["status"], final["batch_id"]) == ("success", batch["batch_id"])
    shown = (await payer.get(f"/transactions/batch/{batch['batch_id']}")).json()
    assert shown["counts"] == {"pending": 0, "success": 2, "failed": 0}
    assert shown["total"] == 3
    assert await payer.balance(account) == 80
    assert (await payee.get(f"/transactions/batch/{batch['batch_id']}")).status_code == 404


async def test_admins_see_the_bank_at_a_glance(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    before = (await admin.get("/admin/reports")).json()
    await customer.open_account(7)
    after = (await admin.get("/admin/reports")).json()
    assert after["total_accounts"] > before["total_accounts"]
    assert after["total_transactions_today"] > before["total_transactions_today"]
    assert isinstance(after["total_loans"], int)
    assert {"transactions", "settlement", "lending"} <= after.keys()
    books = (await admin.get("/admin/ledger/trial-balance")).json()
    for total in books["totals"]:
        assert total["debit"] == total["credit"]
    jobs = (await admin.get("/admin/jobs")).json()
    assert {queue["name"] for queue in jobs["queues"]} == {"settlement", "lending"}
    assert jobs["failed_jobs"] == []


async def test_the_other_spellings_are_the_same_doors(bank: Bank) -> None:
    credentials = {"email": "story.alias@example.org", "password": PASSWORD}
    assert (await bank.client.post("/register", json=credentials)).status_code == 201
    login = await bank.client.post("/logon", json=credentials)
    headers = {"Authorization": f"Bearer {login.json()['access_token']}", "Prefer": "wait=20"}
    friend = await (await bank.customer()).open_account()
    opened = await bank.client.post("/accounts/open", json={"initial_deposit": 10}, headers=headers)
    assert opened.status_code == 201
    bodies = {
        "/deposits": {"amount": 5},
        "/transfers": {"to_account": friend["account_number"], "amount": 3},
        "/payments": {"amount": 2, "payee": "City Power"},
    }
    for path, body in bodies.items():
        answer = await bank.client.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (200, "success"), path
    overview = (await bank.client.get("/overview", headers=headers)).json()
    assert overview["accounts"][0]["balance"] == 10
