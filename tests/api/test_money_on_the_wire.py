"""Money in bodies and answers: exact, in major units, with the currency's own decimals."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.bank import Bank, Person


async def try_transfer(bank: Bank, payer: Person, literal: str) -> Any:
    """Transfer the amount that ``literal`` spells in JSON."""
    account = await (await bank.customer()).open_account()
    body = f'{{"to_account": "{account["account_number"]}", "amount": {literal}}}'
    headers = {"Content-Type": "application/json", "Prefer": "wait=20"}
    return await payer.post("/transactions/transfer", content=body, headers=headers)


@pytest.fixture(scope="module")
async def payer(bank: Bank) -> Person:
    customer = await bank.customer()
    await customer.open_account(100_000)
    return customer


@pytest.mark.parametrize(
    ("literal", "answered"),
    [
        ("1000", "1000"),
        ('"10.25"', "10.25"),
        ("10.25", "10.25"),
        ("0.1", "0.1"),
        ("0.01", "0.01"),
        ("1e2", "100"),
        ("1.50e1", "15"),
        ("10.2500", "10.25"),
        ('"7.00"', "7"),
        ('"007"', "7"),
    ],
)
async def test_amounts_arrive_and_leave_exactly(
    bank: Bank, payer: Person, literal: str, answered: str
) -> None:
    answer = await try_transfer(bank, payer, literal)
    assert answer.status_code == 200, answer.text
    assert f'"amount":{answered},' in answer.text


@pytest.mark.parametrize(
    "literal",
    [
        "0", "-1", '"-1"', "0.00", "true", "null", "[]", "{}", '""', '" 10 "', '"\uff11\uff10"',
        '"10,25"', '"1e2"', '"1e400"', '"+1"', '".5"', '"5."', '"NaN"', '"Infinity"', '"0x10"',
        '"1_000"', "10.255", '"10.255"', "0.001", "1e-2000", "1e400", "10000000000000.01",
        '"99999999999999"', "1.00000000000000000000000000000000001", '"ten"',
    ],
)  # fmt: skip
async def test_what_is_no_amount_is_refused_by_its_field(
    bank: Bank, payer: Person, literal: str
) -> None:
    answer = await try_transfer(bank, payer, literal)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == ["amount"]


@pytest.mark.parametrize("literal", ["0", "-1", "10000000000001"])
async def test_the_refusal_says_what_an_amount_must_be(
    bank: Bank, payer: Person, literal: str
) -> None:
    (error,) = (await try_transfer(bank, payer, literal)).json()["errors"]
    assert error["message"] == "must be greater than 0 and at most 10000000000000"
    assert error["code"] == "invalid_amount"
    (error,) = (await payer.post("/accounts", {"initial_deposit": -1})).json()["errors"]
    assert error["message"] == "must be 0 or more and at most 10000000000000"


@pytest.mark.parametrize(
    ("currency", "good", "bad"),
    [("JPY", "500", "500.5"), ("EUR", "5.55", "5.555"), ("KWD", "5.555", "5.5555")],
)
async def test_each_currency_has_its_own_decimals(
    bank: Bank, currency: str, good: str, bad: str
) -> None:
    customer = await bank.customer()
    opened = await customer.post("/accounts", {"currency": currency, "initial_deposit": good})
    assert opened.status_code == 201
    assert f'"balance":{good},' in opened.text
    refused = await customer.post("/accounts", {"currency": currency, "initial_deposit": bad})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "initial_deposit"
    cash = await customer.post("/transactions/deposit", {"amount": bad})
    assert (cash.status_code, cash.json()["code"]) == (422, "invalid_amount")


async def test_the_largest_amount_is_exact(bank: Bank) -> None:
    customer, admin, colleague = await bank.customer(), await bank.admin(), await bank.admin()
    account = await customer.open_account("9999999999999.99")
    assert account["balance"] == 9999999999999.99
    path = f"/accounts/{account['account_id']}"
    proposal = (await admin.put(f"{path}/overdraft", {"overdraft_limit": 10**13})).json()
    await colleague.post(f"/admin/approvals/{proposal['approval_id']}/approve")
    text = (await customer.get(path)).text
    shown = json.loads(text, parse_float=Decimal)
    assert shown["balance"] == Decimal("9999999999999.99")
    assert shown["available"] == Decimal("19999999999999.99")
    assert (await customer.post("/accounts", {"initial_deposit": 10**13})).status_code == 201


async def test_many_small_amounts_add_up(bank: Bank) -> None:
    customer, friend = await bank.customer(), await bank.customer()
    account, theirs = await customer.open_account("1.00"), await friend.open_account()
    items = [{"to_account": theirs["account_number"], "amount": "0.10"}] * 10
    batch = (await customer.post("/transactions/batch", {"items": items})).json()
    for item in batch["items"]:
        assert (await customer.final(item["transaction_id"]))["status"] == "success"
    assert '"balance":0,' in (await customer.get(f"/accounts/{account['account_id']}")).text
    assert '"balance":1,' in (await friend.get(f"/accounts/{theirs['account_id']}")).text
