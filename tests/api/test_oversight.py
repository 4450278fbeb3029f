"""What admins see of the bank: figures that follow what happens, to the cent."""

import asyncio
from datetime import date, timedelta
from typing import Any

from tests.bank import Bank, Person

# A currency that no other test uses: its figures are this file's alone.
CURRENCY = "OMR"
WAIT = {"Prefer": "wait=20"}


async def side(admin: Person, code: str) -> tuple[Any, Any]:
    """Debit and credit of a ledger account in our currency."""
    balance = (await admin.get("/admin/ledger/trial-balance")).json()
    rows = [r for r in balance["rows"] if (r["code"], r["currency"]) == (code, CURRENCY)]
    totals = [total for total in balance["totals"] if total["currency"] == CURRENCY]
    assert all(total["debit"] == total["credit"] for total in totals)
    return (rows[0]["debit"], rows[0]["credit"]) if rows else (0, 0)


async def test_the_trial_balance_follows_every_movement(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account("10.125", currency=CURRENCY)
    assert await side(admin, "1000") == (10.125, 0)
    assert await side(admin, "2000") == (0, 10.125)
    body = {"account_id": account["account_id"], "amount": "0.5", "description": "Goodwill"}
    await admin.post("/transactions/credit", body, headers=WAIT)
    payment = {"amount": 3, "payee": "City Power"}
    await customer.post("/transactions/payment", payment, headers=WAIT)
    assert await side(admin, "2000") == (0, 7.625)
    assert await side(admin, "2100") == (0, 3)
    assert await side(admin, "2900") == (0.5, 0)
    await customer.post("/transactions/withdrawal", {"amount": "7.625"}, headers=WAIT)
    assert await side(admin, "1000") == (2.5, 0)
    assert await side(admin, "2000") == (0, 0)


async def test_the_trial_balance_is_told_of_a_date_and_of_a_period(bank: Bank) -> None:
    # Given money that has moved today and never before
    customer, admin = await bank.customer(), await bank.admin()
    await customer.open_account("2.5", currency="BHD")
    await customer.post("/transactions/withdrawal", {"amount": 1}, headers=WAIT)
    (entry, _) = (await customer.get("/transactions")).json()["items"]
    today = date.fromisoformat(entry["accounting_date"])
    yesterday = today - timedelta(days=1)

    async def told(**params: object) -> Any:
        params = {name.rstrip("_"): str(value) for name, value in params.items()}
        answer = (await admin.get("/admin/ledger/trial-balance", params=params)).json()
        ours = [row for row in answer["rows"] if row["currency"] == "BHD"]
        sides = {row["code"]: (row["debit"], row["credit"]) for row in ours}
        return sides, answer["as_of"], answer["from"], answer["to"]

    # Then the balances are those of the end of the date, debits and credits those of the period
    assert await told(as_of=today) == ({"1000": (1.5, 0), "2000": (0, 1.5)}, str(today), None, None)
    before, *_ = await told(as_of=yesterday)
    assert before == {"1000": (0, 0), "2000": (0, 0)}
    moved, _, *period = await told(from_=today, to=today)
    assert moved == {"1000": (2.5, 1), "2000": (1, 2.5)}
    assert period == [str(today), str(today)]
    assert (await told(to=yesterday))[0] == {}
    assert (await told(from_=today))[0] == moved
    # And a date and a period at once, or a period that ends before it begins, is unclear
    for unclear in ({"as_of": today, "to": today}, {"from": today, "to": yesterday}):
        params = {name: str(value) for name, value in unclear.items()}
        refused = await admin.get("/admin/ledger/trial-balance", params=params)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "invalid_date")


async def test_the_report_counts_volumes_and_failures_by_type(bank: Bank) -> None:
    customer, friend, admin = await bank.customer(), await bank.customer(), await bank.admin()
    await customer.open_account(100, currency=CURRENCY)
    other = await friend.open_account(currency=CURRENCY)
    item = {"to_account": other["account_number"], "amount": "60.005"}
    batch = (await customer.post("/transactions/batch", {"items": [item] * 2})).json()
    for item in batch["items"]:
        await customer.final(item["transaction_id"])
    report = (await admin.get("/admin/reports")).json()
    (row,) = [
        row
        for row in report["transactions"]
        if (row["currency"], row["type"]) == (CURRENCY, "transfer")
    ]
    assert (row["count"], row["failed"], row["failure_rate"]) == (2, 1, 0.5)
    assert row["volume"] == 60.005, "what failed has not moved"
    latency = report["settlement"]
    assert 0 < latency["p50_seconds"] <= latency["p99_seconds"] < 60
    assert latency["failed"] >= 1
    params = {"from": "2001-01-01", "to": "2001-01-31"}
    long_ago = (await admin.get("/admin/reports", params=params)).json()
    assert long_ago["transactions"] == []
    assert long_ago["settlement"]["p99_seconds"] is None


async def test_the_counters_count_each_thing_once(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()

    async def counters() -> list[int]:
        report = (await admin.get("/admin/reports")).json()
        names = ("total_accounts", "total_loans", "total_transactions_today")
        return [report[name] for name in names]

    before = await counters()
    account = await customer.open_account(5)
    body = {"amount": 1_000, "tenure_months": 12, "monthly_income": 50_000}
    loan = (await customer.post("/loans/apply", body)).json()["loan_id"]
    assert await counters() == [count + 1 for count in before]
    await customer.post(f"/loans/{loan}/withdraw")
    await customer.post("/transactions/withdrawal", {"amount": 5}, headers=WAIT)
    await admin.delete(f"/accounts/{account['account_id']}")
    assert await counters() == [before[0], before[1] + 1, before[2] + 2], "closed ones are gone"


async def test_what_waits_is_seen_waiting(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    await customer.open_account(5)
    with bank.worker_stopped():
        submitted = (await customer.post("/transactions/withdrawal", {"amount": 5})).json()
        accepted = (await customer.get(f"/transactions/{submitted['transaction_id']}")).json()
        await asyncio.sleep(0.2)
        jobs = (await admin.get("/admin/jobs")).json()
        assert jobs["pending_transactions"] == 1
        assert jobs["oldest_pending_at"] == accepted["created_at"]
        assert 0.2 <= jobs["oldest_pending_seconds"] < 60
        for _ in range(100):  # what the standing worker had fetched already is not in the queue
            depths = {queue["name"]: queue["depth"] for queue in jobs["queues"]}
            if depths["settlement"]:
                break
            await asyncio.sleep(0.1)  # the sweep rings again and again
            jobs = (await admin.get("/admin/jobs")).json()
        assert depths["settlement"] >= 1
    await customer.final(submitted["transaction_id"])
    jobs = (await admin.get("/admin/jobs")).json()
    assert jobs["pending_transactions"] == 0
    assert jobs["oldest_pending_at"] is None
    assert jobs["oldest_pending_seconds"] is None


async def test_a_report_is_about_a_time_that_ends_after_it_begins(bank: Bank) -> None:
    admin = await bank.admin()
    for wrong in ({"from": "2026-12-31", "to": "2026-11-01"}, {"from": "9999-12-31"}):
        answer = await admin.get("/admin/reports", params=wrong)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "from")
    for right in (
        {"from": "2026-11-01", "to": "2026-11-01"},
        {"to": "2020-01-31"},
        {"to": "0001-01-01"},
    ):
        answer = await admin.get("/admin/reports", params=right)
        assert answer.status_code == 200, answer.text
        assert answer.json()["transactions"] == []
