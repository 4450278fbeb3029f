"""Errors: problem details everywhere, with stable codes, and nothing told about our insides."""

from typing import Any

import httpx2
import pytest

from api.http.problems import HTTP_CODES
from core.foundation.errors import catalogue
from tests.bank import Bank

NOTHING = "01a1fbd0-fb18-718f-8d55-c9ff1c77bbad"


def check_problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["title"]
    assert problem["detail"]
    assert problem["type"] == f"/problems/{code}"
    assert problem["instance"] == answer.request.url.path
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert ("errors" in problem) == (status == 422)
    return problem


async def test_unknown_paths_and_methods_are_problems(bank: Bank) -> None:
    check_problem(await bank.client.get("/no/such/page"), 404, "not_found")
    check_problem(await bank.client.get("/null%00byte"), 404, "not_found")
    answer = await bank.client.patch("/accounts")
    check_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    answer = await bank.client.patch(f"/accounts/{NOTHING}")
    assert answer.headers["allow"] == "DELETE, GET, PUT"


async def test_each_family_has_its_status(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account(5)
    number = account["account_number"]
    check_problem(await bank.client.get("/accounts"), 401, "unauthenticated")
    check_problem(await customer.get("/admin/reports"), 403, "forbidden")
    check_problem(await customer.get(f"/accounts/{NOTHING}"), 404, "account_not_found")
    check_problem(await customer.get("/accounts/../accounts/x"), 404, "account_not_found")
    check_problem(await customer.transfer(account, 1), 400, "same_account")
    check_problem(await admin.delete(f"/accounts/{number}"), 409, "money_left")
    check_problem(await customer.get("/transactions?limit=201"), 422, "validation_error")


async def test_a_malformed_body_names_each_of_its_fields(bank: Bank) -> None:
    customer = await bank.customer()
    body = {"amount": "ten", "from_account": 7, "wrong": True}
    answer = await customer.post("/transactions/transfer", body)
    problem = check_problem(answer, 422, "validation_error")
    fields = {error["field"]: error["code"] for error in problem["errors"]}
    assert fields == {
        "to_account": "missing",
        "amount": "invalid_amount",
        "from_account": "string_type",
        "wrong": "extra_forbidden",
    }
    assert all(error["message"] for error in problem["errors"])


async def test_a_refusal_is_never_larger_than_what_it_refuses(bank: Bank) -> None:
    customer = await bank.customer()
    answer = await customer.post("/accounts", {f"wrong{n}": 1 for n in range(100)})
    problem = check_problem(answer, 422, "validation_error")
    assert len(problem["errors"]) == 100
    answer = await customer.post("/accounts", {"w" * 10_000: 1})
    problem = check_problem(answer, 422, "validation_error")
    assert [error["field"] for error in problem["errors"]] == ["w" * 200]
    assert len(answer.content) < 1_000


async def test_fields_of_items_are_named_by_their_place(bank: Bank) -> None:
    customer = await bank.customer()
    items = [{"to_account": "1", "amount": 1}, {"to_account": "1", "amount": -1}]
    answer = await customer.post("/transactions/batch", {"items": items})
    problem = check_problem(answer, 422, "validation_error")
    assert [error["field"] for error in problem["errors"]] == ["items.1.amount"]


async def test_a_batch_has_one_to_a_thousand_items(bank: Bank) -> None:
    customer = await bank.customer()
    item = {"to_account": "1", "amount": 1}
    for items in ([], [item] * 1001):
        answer = await customer.post("/transactions/batch", {"items": items})
        check_problem(answer, 422, "validation_error")


async def test_a_body_beyond_the_limit_is_refused_announced_or_not(bank: Bank) -> None:
    customer = await bank.customer()
    too_much = b" " * (bank.system.settings.max_body_bytes + 1)
    headers = {"Content-Type": "application/json"}
    announced = await customer.post("/accounts", content=too_much, headers=headers)
    check_problem(announced, 413, "body_too_large")

    async def in_pieces() -> Any:
        for start in range(0, len(too_much), 65_536):
            yield too_much[start : start + 65_536]

    trickled = await customer.post("/accounts", content=in_pieces(), headers=headers)
    check_problem(trickled, 413, "body_too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_of_another_kind_is_not_read(bank: Bank, kind: str) -> None:
    customer = await bank.customer()
    answer = await customer.post(
        "/accounts", content=b'{"initial_deposit": 1}', headers={"Content-Type": kind}
    )
    check_problem(answer, 415, "unsupported_media_type")


async def test_every_code_is_published_in_one_place(bank: Bank) -> None:
    listed = (await bank.client.get("/problems")).json()["items"]
    codes = {entry["code"] for entry in listed}
    of_the_web = {code for code, _ in HTTP_CODES.values()}
    assert codes == set(catalogue()) | of_the_web
    one = await bank.client.get("/problems/insufficient_funds")
    assert one.json()["status"] == 400
    check_problem(await bank.client.get("/problems/nothing"), 404, "not_found")
    document = (await bank.client.get("/openapi.json")).json()
    for code in codes:
        assert f"`{code}`" in document["info"]["description"]


async def test_the_type_of_a_problem_leads_to_its_meaning(bank: Bank) -> None:
    for refused in (
        await bank.client.get("/no/such/page"),
        await bank.client.patch("/accounts"),
        await bank.client.get("/accounts"),
        await bank.client.post("/auth/register", json={}),
        await bank.client.post("/auth/register", data={"email": "a@b.org"}),
    ):
        problem = refused.json()
        meaning = await bank.client.get(problem["type"])
        assert meaning.status_code == 200, problem["type"]
        assert meaning.json() == {k: problem[k] for k in ("code", "status", "title")}
