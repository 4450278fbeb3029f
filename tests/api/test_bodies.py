"""Bodies where they are declared, and only there."""

import re
from typing import Any

import pytest

from tests.bank import Bank, Person

WAIT = {"Prefer": "wait=20"}
JSON = {"Content-Type": "application/json"}
# Nothing at all, and what client libraries send for nothing.
NOTHING = [b"", b"{}", b" { }\n"]
SOMETHING = [
    b'{"amount": 5}',
    b"1.5",
    b"[]",
    b"null",
    b'"x"',
    b"{not json}",
    b'{"note": "' + b"x" * 200 + b'"}',
]


async def refusal(person: Person, method: str, path: str, body: bytes) -> tuple[int, str]:
    answer = await person.call(method, path, content=body, headers=JSON)
    return answer.status_code, answer.json()["code"]


async def paid(customer: Person) -> str:
    """A deposit of 10 that has settled."""
    answer = await customer.post("/transactions/deposit", {"amount": 10}, headers=WAIT)
    assert answer.json()["status"] == "success"
    transaction_id: str = answer.json()["transaction_id"]
    return transaction_id


async def applied(customer: Person) -> str:
    """An application that waits for its decision."""
    answer = await customer.post("/loans/apply", {"amount": 1200, "monthly_income": 50_000})
    loan_id: str = answer.json()["loan_id"]
    return loan_id


async def test_a_partial_reversal_is_refused_and_not_taken_for_a_whole_one(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account()
    path = f"/transactions/{await paid(customer)}/reverse"
    assert await refusal(admin, "POST", path, b'{"amount": 5}') == (422, "validation_error")
    assert await customer.balance(account) == 10


@pytest.mark.parametrize("body", SOMETHING)
async def test_a_body_where_none_is_declared_is_refused_and_nothing_done(
    bank: Bank, body: bytes
) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account, loan_id = await customer.open_account(10), await applied(customer)
    path = f"/accounts/{account['account_id']}"
    for person, method, where in (
        (admin, "PUT", f"{path}/freeze"),
        (admin, "DELETE", path),
        (customer, "POST", f"/loans/{loan_id}/withdraw"),
        (customer, "GET", path),
        (customer, "DELETE", "/users/profile"),
    ):
        assert await refusal(person, method, where, body) == (422, "unexpected_body"), where
    assert (await customer.get(path)).json()["status"] == "active"
    assert (await customer.get(f"/loans/{loan_id}")).json()["status"] == "pending"


@pytest.mark.parametrize("body", NOTHING)
async def test_an_empty_object_is_as_good_as_no_body(bank: Bank, body: bytes) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account, loan_id = await customer.open_account(10), await applied(customer)
    frozen = await admin.call(
        "PUT", f"/accounts/{account['account_id']}/freeze", content=body, headers=JSON
    )
    assert (frozen.status_code, frozen.json()["status"]) == (200, "frozen")
    withdrawn = await customer.call(
        "POST", f"/loans/{loan_id}/withdraw", content=body, headers=JSON
    )
    assert withdrawn.status_code == 200


async def test_who_may_not_hears_that_before_the_body_is_judged(bank: Bank) -> None:
    customer = await bank.customer()
    account = await customer.open_account()
    path = f"/accounts/{account['account_id']}/freeze"
    assert await refusal(customer, "PUT", path, b'{"amount": 5}') == (403, "forbidden")
    stranger = await bank.client.request("PUT", path, content=b'{"amount": 5}', headers=JSON)
    assert stranger.status_code == 401


async def test_a_body_of_unknown_length_is_refused_without_being_read_whole(bank: Bank) -> None:
    admin = await bank.admin()

    async def endless() -> Any:
        for _ in range(200):
            yield b" " * 1000

    path = "/accounts/00000000-0000-7000-8000-000000000000/freeze"
    assert await refusal(admin, "PUT", path, endless()) == (422, "unexpected_body")  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"1.5", b"null", b"[]", b"0", b"false", b'"x"', b'{"rate": 1}'])
async def test_an_optional_body_is_an_object_or_absent(bank: Bank, body: bytes) -> None:
    customer, officer, admin = await bank.customer(), await bank.officer(), await bank.admin()
    await customer.open_account()
    loan_id, deposit = await applied(customer), await paid(customer)
    for person, method, path in (
        (officer, "PUT", f"/loans/{loan_id}/approve"),
        (officer, "PUT", f"/loans/{loan_id}/reject"),
        (customer, "POST", f"/loans/{loan_id}/pay"),
        (customer, "POST", "/accounts"),
        (customer, "POST", "/auth/logout"),
        (admin, "POST", f"/transactions/{deposit}/reverse"),
        (admin, "POST", "/admin/jobs/emi-collection"),
    ):
        assert await refusal(person, method, path, body) == (422, "validation_error"), path
    assert (await customer.get(f"/loans/{loan_id}")).json()["status"] == "pending"


@pytest.mark.parametrize("body", NOTHING)
async def test_an_account_is_opened_without_a_body(bank: Bank, body: bytes) -> None:
    customer = await bank.customer()
    for path in ("/accounts", "/accounts/open"):
        answer = await customer.call("POST", path, content=body, headers=JSON)
        assert answer.status_code == 201, answer.text
        assert answer.json()["balance"] == 0
    assert (await customer.call("POST", "/accounts")).status_code == 201


async def test_a_reversals_key_may_stand_in_its_body(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account()
    path = f"/transactions/{await paid(customer)}/reverse"
    first = await admin.post(path, {"idempotency_key": "take it back"}, headers=WAIT)
    assert (first.status_code, first.json()["status"]) == (200, "success")
    again = await admin.post(path, headers={"Idempotency-Key": "take it back"})
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["transaction_id"] == first.json()["transaction_id"]
    assert await customer.balance(account) == 0
    both = await admin.post(path, {"idempotency_key": "a"}, headers={"Idempotency-Key": "b"})
    assert (both.status_code, both.json()["code"]) == (422, "validation_error")


@pytest.mark.parametrize(
    "change",
    [
        {"frequency": {"every": True, "unit": "days"}},
        {"frequency": {"every": "10", "unit": "days"}},
        {"grace_days": True},
        {"grace_days": "3"},
        {"retry_days": [True, 3]},
        {"smoothing": 1},
        {"set_off": "yes"},
        {"max_amount": True},
        {"penal_rate": "1e1"},
        {"min_amount": "1_000"},
        {"min_tenure_months": False},
    ],
)
async def test_a_product_takes_numbers_for_numbers_alone(
    bank: Bank, change: dict[str, Any]
) -> None:
    admin = await bank.admin()
    answer = await admin.put("/admin/loan-products/strict", change)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert answer.json()["errors"][0]["field"].split(".")[0] in change


@pytest.mark.parametrize("every", [True, "10", 10.5, 0])
async def test_a_quote_every_so_many_days_counts_them_in_a_number(bank: Bank, every: Any) -> None:
    frequency = {"every": every, "unit": "days"}
    asked = {"amount": 1000, "interest_rate": 12, "number_of_instalments": 10}
    answer = await bank.client.post("/loans/quote", json={**asked, "frequency": frequency})
    assert answer.status_code == 422
    frequency["every"] = 10
    answer = await bank.client.post("/loans/quote", json={**asked, "frequency": frequency})
    assert answer.status_code == 200


async def test_no_operation_swallows_a_body_that_it_does_not_declare(bank: Bank) -> None:
    people = [await bank.admin(), await bank.customer(), await bank.officer()]
    refused = {(422, "unexpected_body"), (422, "validation_error")}  # or what the query lacks
    paths = (await bank.client.get("/openapi.json")).json()["paths"]
    bare = [
        (method.upper(), re.sub(r"{\w+}", "00000000-0000-7000-8000-000000000000", path))
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "requestBody" not in operation and method != "head"
    ]
    assert ("PUT", "/accounts/00000000-0000-7000-8000-000000000000/unfreeze") in bare
    for method, path in bare:
        for person in people:
            heard = await refusal(person, method, path, b'{"amount": 5}')
            if heard != (403, "forbidden"):
                break
        assert heard in refused, (method, path, heard)
