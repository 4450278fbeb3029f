"""Every door, and who may pass: nobody without a token, and no role but those in the table."""

from typing import Any

import pytest
from starlette.routing import compile_path

from tests.bank import Bank, Person

NOTHING = "01a1fbd0-fb18-718f-8d55-c9ff1c77bbad"
CUSTOMER, OFFICER, ADMIN = "customer", "officer", "admin"
EVERYBODY = {CUSTOMER, OFFICER, ADMIN}
MOVEMENT = {"account_id": NOTHING, "amount": 1, "description": "x"}

DOORS: list[tuple[str, str, set[str], Any]] = [
    ("POST", "/auth/logout", EVERYBODY, None),
    ("GET", "/auth/sessions", EVERYBODY, None),
    ("DELETE", "/auth/sessions", EVERYBODY, None),
    ("GET", f"/auth/sessions/{NOTHING}", EVERYBODY, None),
    ("DELETE", f"/auth/sessions/{NOTHING}", EVERYBODY, None),
    ("POST", "/auth/password", EVERYBODY, {"current_password": "x", "new_password": "y" * 9}),
    ("GET", "/users/profile", EVERYBODY, None),
    ("PUT", "/users/profile", EVERYBODY, {}),
    ("DELETE", "/users/profile", EVERYBODY, None),
    ("GET", "/users/overview", {CUSTOMER}, None),
    ("GET", "/users/notifications", EVERYBODY, None),
    ("POST", f"/users/notifications/{NOTHING}/read", EVERYBODY, None),
    ("POST", "/accounts", {CUSTOMER}, {}),
    ("GET", "/accounts", EVERYBODY, None),
    ("GET", f"/accounts/{NOTHING}", EVERYBODY, None),
    ("GET", f"/accounts/{NOTHING}/balance", EVERYBODY, None),
    ("GET", f"/accounts/{NOTHING}/transactions", EVERYBODY, None),
    ("PUT", f"/accounts/{NOTHING}", {CUSTOMER}, {"nickname": "x"}),
    ("PUT", f"/accounts/{NOTHING}/freeze", {ADMIN}, None),
    ("PUT", f"/accounts/{NOTHING}/unfreeze", {ADMIN}, None),
    ("PUT", f"/accounts/{NOTHING}/overdraft", {ADMIN}, {"overdraft_limit": 1}),
    ("DELETE", f"/accounts/{NOTHING}", {ADMIN}, None),
    ("POST", "/transactions/transfer", {CUSTOMER}, {"to_account": NOTHING, "amount": 1}),
    ("POST", "/transactions/deposit", {CUSTOMER}, {"amount": 1}),
    ("POST", "/transactions/withdrawal", {CUSTOMER}, {"amount": 1}),
    ("POST", "/transactions/credit", {OFFICER, ADMIN}, MOVEMENT),
    ("POST", "/transactions/debit", {OFFICER, ADMIN}, MOVEMENT),
    ("POST", "/transactions/payment", {CUSTOMER}, {"amount": 1, "payee": "x"}),
    ("POST", "/transactions/batch", {CUSTOMER}, {"items": [{"to_account": NOTHING, "amount": 1}]}),
    ("GET", f"/transactions/batch/{NOTHING}", EVERYBODY, None),
    ("POST", f"/transactions/{NOTHING}/reverse", {ADMIN}, None),
    ("GET", "/transactions", EVERYBODY, None),
    ("GET", f"/transactions/{NOTHING}", EVERYBODY, None),
    ("DELETE", f"/transactions/{NOTHING}", {ADMIN}, None),
    ("POST", "/loans/apply", {CUSTOMER}, {"amount": 0}),
    ("GET", "/loans", EVERYBODY, None),
    ("GET", f"/loans/{NOTHING}", EVERYBODY, None),
    ("GET", f"/loans/{NOTHING}/schedule", EVERYBODY, None),
    ("GET", f"/loans/{NOTHING}/assessment", {OFFICER, ADMIN}, None),
    ("PUT", f"/loans/{NOTHING}", {OFFICER}, {"interest_rate": 9}),
    ("PUT", f"/loans/{NOTHING}/approve", {OFFICER}, None),
    ("PUT", f"/loans/{NOTHING}/reject", {OFFICER}, None),
    ("POST", f"/loans/{NOTHING}/disburse", {OFFICER}, None),
    ("POST", f"/loans/{NOTHING}/withdraw", {CUSTOMER}, None),
    ("POST", f"/loans/{NOTHING}/pay", {CUSTOMER}, None),
    (
        "POST",
        f"/loans/{NOTHING}/pay",
        {OFFICER, ADMIN},
        {"value_date": "2026-01-31", "amount": 1},
    ),
    (
        "POST",
        f"/loans/{NOTHING}/payments/{NOTHING}/adjust",
        {OFFICER, ADMIN},
        {"amount": 0, "reason": "x"},
    ),
    ("POST", f"/loans/{NOTHING}/refund", EVERYBODY, None),
    ("GET", f"/loans/{NOTHING}/history", EVERYBODY, None),
    ("GET", f"/loans/{NOTHING}/payoff", EVERYBODY, None),
    ("GET", f"/loans/{NOTHING}/recovery", {OFFICER, ADMIN}, None),
    ("POST", f"/loans/{NOTHING}/recovery", {OFFICER, ADMIN}, {"action": "note", "note": "x"}),
    ("POST", f"/loans/{NOTHING}/charges", {OFFICER, ADMIN}, {"kind": "x"}),
    ("POST", f"/loans/{NOTHING}/waive", {OFFICER, ADMIN}, {"component": "fee"}),
    ("GET", f"/loans/{NOTHING}/accruals", EVERYBODY, None),
    ("GET", f"/loans/{NOTHING}/disclosure?form=kfs", EVERYBODY, None),
    ("GET", f"/loans/{NOTHING}/statement", EVERYBODY, None),
    ("GET", f"/loans/{NOTHING}/certificate/2026", EVERYBODY, None),
    ("GET", f"/loans/{NOTHING}/no-dues", EVERYBODY, None),
    ("DELETE", f"/loans/{NOTHING}", {ADMIN}, None),
    ("GET", "/admin/accounting/periods", {ADMIN}, None),
    ("PUT", "/admin/accounting/periods", {ADMIN}, {"no": "such field"}),
    ("GET", "/admin/loan-products", {ADMIN}, None),
    ("PUT", "/admin/loan-products/none", {ADMIN}, {"no": "such field"}),
    ("POST", "/admin/jobs/emi-collection", {ADMIN}, {"no": "such field"}),
    ("POST", "/admin/jobs/default-recovery", {ADMIN}, {"no": "such field"}),
    ("GET", "/admin/jobs/runs", {ADMIN}, None),
    ("GET", f"/admin/jobs/runs/{NOTHING}", {ADMIN}, None),
    ("GET", "/overview", {CUSTOMER}, None),
    ("POST", "/accounts/open", {CUSTOMER}, {}),
    ("POST", "/transfers", {CUSTOMER}, {"to_account": NOTHING, "amount": 1}),
    ("POST", "/deposits", {CUSTOMER}, {"amount": 1}),
    ("POST", "/payments", {CUSTOMER}, {"amount": 1, "payee": "x"}),
    ("GET", "/admin/reports", {ADMIN}, None),
    ("GET", "/admin/ledger/trial-balance", {ADMIN}, None),
    ("POST", "/admin/users", {ADMIN}, {"email": "a@b.org", "password": "x", "role": "officer"}),
    ("GET", "/admin/users", {ADMIN}, None),
    ("GET", f"/admin/users/{NOTHING}", {ADMIN}, None),
    ("PUT", f"/admin/users/{NOTHING}", {ADMIN}, {"status": "active"}),
    ("GET", "/admin/countries", {ADMIN}, None),
    ("PUT", "/admin/countries/QQ", {ADMIN}, {"allowed": False}),
    ("GET", "/admin/currencies", {ADMIN}, None),
    ("PUT", "/admin/currencies/QQQ", {ADMIN}, {"enabled": False}),
    ("GET", "/admin/audit", {ADMIN}, None),
    ("GET", "/admin/jobs", {ADMIN}, None),
    ("GET", "/admin/approvals", {OFFICER, ADMIN}, None),
    ("GET", f"/admin/approvals/{NOTHING}", {OFFICER, ADMIN}, None),
    ("POST", f"/admin/approvals/{NOTHING}/approve", {OFFICER, ADMIN}, None),
    ("POST", f"/admin/approvals/{NOTHING}/reject", {OFFICER, ADMIN}, {"reason": "x"}),
    ("POST", f"/admin/jobs/{NOTHING}/retry", {ADMIN}, None),
]
PUBLIC = {
    ("POST", "/auth/register"),
    ("POST", "/auth/login"),
    ("POST", "/auth/token"),
    ("POST", "/auth/refresh"),
    ("POST", "/register"),
    ("POST", "/logon"),
    ("POST", "/loans/quote"),
    ("GET", "/health"),
    ("HEAD", "/health"),
    ("GET", "/health/ready"),
    ("HEAD", "/health/ready"),
    ("GET", "/metrics"),
}
# Whoever passes these passes no other afterwards.
LAST = {("POST", "/auth/logout"), ("DELETE", "/users/profile")}
NAMES = [f"{method} {path}" for method, path, _, _ in DOORS]


async def test_no_door_is_missing_from_the_table(bank: Bank) -> None:
    document = (await bank.client.get("/openapi.json")).json()
    doors = {
        (method.upper(), path): "security" in operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert {door for door, locked in doors.items() if not locked} == PUBLIC
    tried = {(method, path.partition("?")[0]) for method, path, _, _ in DOORS}
    for method, path in doors.keys() - PUBLIC:
        pattern, *_ = compile_path(path)
        assert any(m == method and pattern.match(p) for m, p in tried), f"{method} {path}"


@pytest.mark.parametrize(("method", "path", "_allowed", "body"), DOORS, ids=NAMES)
async def test_nobody_passes_without_a_token(
    bank: Bank, method: str, path: str, _allowed: set[str], body: Any
) -> None:
    answer = await bank.client.request(method, path, json=body)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"
    malformed = await bank.client.request(method, path, content=b"{{{")
    assert malformed.status_code == 401, "a stranger learns nothing about bodies"


async def one_of_each(bank: Bank) -> dict[str, Person]:
    return {
        CUSTOMER: await bank.customer(),
        OFFICER: await bank.officer(),
        ADMIN: await bank.admin(),
    }


@pytest.fixture(scope="module")
async def people(bank: Bank) -> dict[str, Person]:
    return await one_of_each(bank)


@pytest.mark.parametrize(("method", "path", "allowed", "body"), DOORS, ids=NAMES)
async def test_only_the_roles_in_the_table_pass(
    bank: Bank, people: dict[str, Person], *, method: str, path: str, allowed: set[str], body: Any
) -> None:
    if (method, path) in LAST:
        people = await one_of_each(bank)
    for role, person in people.items():
        answer = await person.call(method, path, json=body)
        if role in allowed:
            assert answer.status_code not in {401, 403, 405, 500}, role
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), role


async def test_what_is_not_yours_does_not_exist(bank: Bank) -> None:
    owner, friend, stranger = await bank.customer(), await bank.customer(), await bank.customer()
    account, theirs = await owner.open_account(10), await friend.open_account()
    await stranger.open_account(10)
    transfer = (await owner.transfer(theirs, 1)).json()["transaction_id"]
    number = account["account_number"]
    for path in (
        f"/accounts/{account['account_id']}",
        f"/accounts/{number}",
        f"/accounts/{number}/balance",
        f"/accounts/{number}/transactions",
        f"/transactions/{transfer}",
    ):
        hidden = await stranger.get(path)
        unknown = await stranger.get(path.replace(number, "1234567890"))
        assert hidden.status_code == unknown.status_code == 404
        assert hidden.json()["code"] == unknown.json()["code"]
        for staff in (await bank.officer(), await bank.admin()):
            assert (await staff.get(path)).status_code == 200
    params = {"account": number}
    assert (await stranger.get("/transactions", params=params)).status_code == 404
    body = {"to_account": theirs["account_number"], "from_account": number, "amount": 1}
    assert (await stranger.post("/transactions/transfer", body)).status_code == 404
    assert (await stranger.put(f"/accounts/{number}", {"nickname": "mine"})).status_code == 404
    assert (await friend.get(f"/transactions/{transfer}")).status_code == 200
