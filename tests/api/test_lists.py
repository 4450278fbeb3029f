"""Lists: newest first, in pages, filtered."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.bank import Bank, Person

NOW = "2026-11-21T06:12:37Z"


async def pages(person: Person, path: str, **params: Any) -> list[list[dict[str, Any]]]:
    found = []
    cursor = None
    while True:
        query = {**params, **({"cursor": cursor} if cursor else {})}
        answer = await person.get(path, params=query)
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["items"])
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


async def busy_customer(bank: Bank) -> tuple[Person, dict[str, Any], dict[str, Any]]:
    """A customer with an opening deposit of 100, five transfers out and one withdrawal."""
    customer, friend = await bank.customer(), await bank.customer()
    account, other = await customer.open_account(100), await friend.open_account()
    for amount in range(1, 6):
        assert (await customer.transfer(other, amount)).json()["status"] == "success"
    wait = {"Prefer": "wait=20"}
    await customer.post("/transactions/withdrawal", {"amount": 10}, headers=wait)
    return customer, account, other


async def test_transactions_come_in_pages_newest_first_each_once(bank: Bank) -> None:
    customer, _, _ = await busy_customer(bank)
    found = await pages(customer, "/transactions", limit=3)
    assert [len(page) for page in found] == [3, 3, 1]
    rows = [row for page in found for row in page]
    assert len({row["transaction_id"] for row in rows}) == 7
    assert [row["created_at"] for row in rows] == sorted(
        (row["created_at"] for row in rows), reverse=True
    )
    (whole,) = await pages(customer, "/transactions")
    assert whole == rows


async def test_transactions_are_filtered(bank: Bank) -> None:
    customer, account, other = await busy_customer(bank)

    async def count(person: Person, **params: Any) -> int:
        return sum(map(len, await pages(person, "/transactions", **params)))

    assert await count(customer, type="transfer") == 5
    assert await count(customer, type="withdrawal", status="success") == 1
    assert await count(customer, status="failed") == 0
    assert await count(customer, account=account["account_number"]) == 7
    officer = await bank.officer()
    assert await count(officer, account=other["account_id"]) == 5
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert await count(customer, **{"from": tomorrow}) == 0
    assert await count(customer, to=tomorrow) == 7
    today = datetime.now(UTC).date().isoformat()
    assert await count(customer, **{"from": today, "to": today}) == 7


async def test_what_was_never_paid_in_is_the_staffs_to_see_and_not_the_payees(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    own, other = await payer.open_account(10), await payee.open_account()
    item = {"from_account": own["account_number"], "to_account": other["account_number"]}
    batch = await payer.post("/transactions/batch", {"items": [{**item, "amount": 10}] * 2})
    paid, failed = [item["transaction_id"] for item in batch.json()["items"]]
    assert (await payer.final(failed))["status"] == "failed"
    seen = {
        role: {
            row["transaction_id"]
            for page in await pages(person, "/transactions", account=other["account_number"])
            for row in page
        }
        for role, person in (("payee", payee), ("officer", await bank.officer()))
    }
    assert seen == {"payee": {paid}, "officer": {paid, failed}}


async def test_entries_run_in_either_order_with_the_balance_after_each(bank: Bank) -> None:
    customer, account, other = await busy_customer(bank)
    path = f"/accounts/{account['account_number']}/transactions"
    forward = [row for page in await pages(customer, path, order="asc", limit=2) for row in page]
    backward = [row for page in await pages(customer, path, limit=3) for row in page]
    assert backward == forward[::-1]
    assert [row["amount"] for row in forward] == [100, -1, -2, -3, -4, -5, -10]
    assert [row["balance_after"] for row in forward] == [100, 99, 97, 94, 90, 85, 75]
    assert [row["counterparty"] for row in forward] == [
        "Cash", *[other["account_number"]] * 5, "Cash"
    ]  # fmt: skip
    assert len({row["entry_id"] for row in forward}) == 7


async def test_entries_are_filtered_by_kind_amount_and_instant(bank: Bank) -> None:
    customer, account, _ = await busy_customer(bank)
    path = f"/accounts/{account['account_number']}/transactions"

    async def amounts(**params: Any) -> list[Any]:
        (page,) = await pages(customer, path, order="asc", **params)
        return [row["amount"] for row in page]

    assert await amounts(type="transfer") == [-1, -2, -3, -4, -5]
    assert await amounts(min_amount=5) == [100, -5, -10]
    assert await amounts(min_amount="2.00", max_amount=4) == [-2, -3, -4]
    (rows,) = await pages(customer, path, order="asc")
    third = datetime.fromisoformat(rows[2]["booked_at"])
    assert await amounts(to=rows[2]["booked_at"]) == [100, -1, -2]
    assert await amounts(**{"from": rows[2]["booked_at"]}) == [-2, -3, -4, -5, -10]
    milliseconds = int(third.timestamp() * 1000)
    assert (await amounts(timestamp=milliseconds))[:3] == [100, -1, -2]
    assert await amounts(timestamp=int((third - timedelta(days=1)).timestamp() * 1000)) == []


async def test_the_balance_of_any_moment_is_known(bank: Bank) -> None:
    customer, account, _ = await busy_customer(bank)
    path = f"/accounts/{account['account_id']}"
    (rows,) = await pages(customer, f"{path}/transactions", order="asc")
    for row in rows:
        at = (await customer.get(f"{path}/balance", params={"at": row["booked_at"]})).json()
        assert at["balance"] == row["balance_after"]
    before = datetime.fromisoformat(rows[0]["booked_at"]) - timedelta(seconds=1)
    for at in (before.isoformat(), str(int(before.timestamp() * 1000))):
        answer = (await customer.get(f"{path}/balance", params={"at": at})).json()
        assert answer["balance"] == 0
    now = (await customer.get(f"{path}/balance")).json()
    assert (now["balance"], now["available"], now["currency"]) == (75, 75, "EUR")


async def test_accounts_are_listed_and_the_primary_one_is_one(bank: Bank) -> None:
    customer = await bank.customer()
    first, second = await customer.open_account(5, nickname="A"), await customer.open_account()
    assert (first["is_primary"], second["is_primary"]) == (True, False)
    path = f"/accounts/{second['account_id']}"
    changed = await customer.put(path, {"is_primary": True, "nickname": "Savings"})
    assert (changed.json()["is_primary"], changed.json()["nickname"]) == (True, "Savings")
    (listed,) = await pages(customer, "/accounts")
    primary = {account["account_number"]: account["is_primary"] for account in listed}
    assert primary == {first["account_number"]: False, second["account_number"]: True}
    assert [account["nickname"] for account in listed] == ["Savings", "A"]
    assert (await customer.put(path, {"is_primary": False})).status_code == 409
    friend = await (await bank.customer()).open_account()
    refused = await customer.transfer(friend, 1)
    assert refused.json()["code"] == "insufficient_funds", "the primary account pays"


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "cursor=abc", "cursor=WzFd", "status=done", "from=soon",
     "to=2026-13-01", "from=99999999999999999", "cursor=%00", "account=" + "x" * 65],
)  # fmt: skip
async def test_malformed_queries_are_refused_by_their_field(bank: Bank, query: str) -> None:
    customer = await bank.customer()
    answer = await customer.get(f"/transactions?{query}")
    assert answer.status_code == 422, answer.text
    if query != "cursor=%00":
        assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_a_cursor_of_anothers_making_is_refused(bank: Bank) -> None:
    customer = await bank.customer()
    account = await customer.open_account(1)
    path = f"/accounts/{account['account_number']}/transactions"
    for made_up in ([NOW, 2**63], [NOW, -1], [NOW, "1"], [NOW, 1.5], ["soon", 1], [NOW], {}):
        cursor = urlsafe_b64encode(json.dumps(made_up).encode()).decode()
        answer = await customer.get(path, params={"cursor": cursor})
        assert answer.status_code == 422, made_up
        assert answer.json()["errors"][0]["field"] == "cursor"


async def test_the_end_of_the_calendar_means_for_ever(bank: Bank) -> None:
    customer = await bank.customer()
    account = await customer.open_account(1)
    path = f"/accounts/{account['account_number']}"
    for end in ("9999-12-31", "9999-12-31T23:59:59.999999Z"):
        for query in (f"{path}/transactions?to={end}", f"/transactions?to={end}"):
            assert len((await customer.get(query)).json()["items"]) == 1, query
        assert (await customer.get(f"{path}/balance?at={end}")).json()["balance"] == 1


async def test_ibans_and_numbers_check(bank: Bank) -> None:
    customer = await bank.customer()
    account = await customer.open_account()
    digits = account["iban"][4:] + "1314" + account["iban"][2:4]
    assert account["iban"].startswith("DE")
    assert int(digits) % 97 == 1, "ISO 13616"
    assert account["iban"].endswith(account["account_number"])
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(account["account_number"][::-1])]
    assert sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0, "Luhn"


REFERENCE = ["/admin/countries", "/admin/currencies", "/admin/loan-products"]


@pytest.mark.parametrize("path", REFERENCE)
async def test_reference_lists_come_in_pages_by_code_each_once(bank: Bank, path: str) -> None:
    admin = await bank.admin()
    for code in ("page-one", "page-two", "page-three"):
        await admin.put(f"/admin/loan-products/{code}", {})
    found = await pages(admin, path, limit=2 if "loan" in path else 10)
    assert len(found) > 1
    assert {len(page) for page in found[:-1]} == {len(found[0])}
    codes = [row["code"] for page in found for row in page]
    assert codes == sorted(set(codes))
    assert len((await admin.get(path)).json()["items"]) == min(50, len(codes))


async def test_runs_come_in_pages_newest_first(bank: Bank) -> None:
    admin = await bank.admin()
    started = []
    for day in ("2020-01-01", "2020-01-02", "2020-01-03"):
        answer = await admin.post("/admin/jobs/emi-collection", {"business_date": day})
        started.append(answer.json()["run_id"])
    found = await pages(admin, "/admin/jobs/runs", limit=1)
    assert {len(page) for page in found} == {1}
    ids = [page[0]["run_id"] for page in found]
    assert [run for run in ids if run in started] == started[::-1]


@pytest.mark.parametrize("path", [*REFERENCE, "/admin/jobs/runs", "/admin/users", "/admin/audit"])
async def test_a_page_of_nothing_or_too_much_and_a_made_up_cursor_are_refused(
    bank: Bank, path: str
) -> None:
    admin = await bank.admin()
    for limit in (0, 201, "true", "1.5"):
        assert (await admin.get(path, params={"limit": limit})).status_code == 422
    for cursor in ("made-up", "WzFd", "WyJhIiwgImIiXQ", "WyJcdTAwMDAiXQ"):
        answer = await admin.get(path, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor"), cursor
