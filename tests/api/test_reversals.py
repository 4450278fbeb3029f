"""Taking a transaction back: once, only what has settled, and only while it can be paid."""

import asyncio
from typing import Any

import pytest

from tests.bank import Bank, Person

WAIT = {"Prefer": "wait=20"}


@pytest.fixture
async def admin(bank: Bank) -> Person:
    return await bank.admin()


async def refusal(admin: Person, transaction_id: str) -> tuple[int, str]:
    answer = await admin.post(f"/transactions/{transaction_id}/reverse")
    return answer.status_code, answer.json()["code"]


async def test_what_is_not_settled_cannot_be_taken_back(bank: Bank, admin: Person) -> None:
    customer, friend = await bank.customer(), await bank.customer()
    account, theirs = await customer.open_account(10), await friend.open_account()
    with bank.worker_stopped():
        body = {"to_account": theirs["account_number"], "amount": 10}
        pending = (await customer.post("/transactions/transfer", body)).json()["transaction_id"]
        assert await refusal(admin, pending) == (409, "not_reversible")
        hidden = await admin.delete(f"/transactions/{pending}")
        assert (hidden.status_code, hidden.json()["code"]) == (409, "transaction_pending")
        await admin.put(f"/accounts/{account['account_id']}/freeze")
    failed = await customer.final(pending)
    assert failed["status"] == "failed"
    assert await refusal(admin, pending) == (409, "not_reversible")
    assert await refusal(admin, "01a1fbd0-fb18-718f-8d55-c9ff1c77bbad") == (
        404,
        "transaction_not_found",
    )


async def test_a_reversal_is_no_transaction_to_take_back(bank: Bank, admin: Person) -> None:
    customer = await bank.customer()
    account = await customer.open_account()
    deposit = await customer.post("/transactions/deposit", {"amount": 10}, headers=WAIT)
    path = f"/transactions/{deposit.json()['transaction_id']}/reverse"
    reversal = (await admin.post(path, headers=WAIT)).json()
    assert (reversal["status"], reversal["from_account"]) == ("success", account["account_number"])
    assert await refusal(admin, reversal["transaction_id"]) == (409, "not_reversible")
    assert await customer.balance(account) == 0


async def test_money_that_is_gone_is_not_taken_back_until_it_is_there_again(
    bank: Bank, admin: Person
) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    source, target = await payer.open_account(10), await payee.open_account()
    transfer = (await payer.transfer(target, 10)).json()["transaction_id"]
    await payee.post("/transactions/withdrawal", {"amount": 4}, headers=WAIT)
    assert await refusal(admin, transfer) == (400, "insufficient_funds")
    await payee.post("/transactions/deposit", {"amount": 4}, headers=WAIT)
    path = f"/accounts/{target['account_id']}"
    await admin.put(f"{path}/freeze")
    assert await refusal(admin, transfer) == (400, "account_frozen")
    await admin.put(f"{path}/unfreeze")
    answer = await admin.post(f"/transactions/{transfer}/reverse", headers=WAIT)
    assert answer.json()["status"] == "success"
    assert (await payer.balance(source), await payee.balance(target)) == (10, 0)


async def test_of_many_reversals_at_once_one_is_booked(bank: Bank, admin: Person) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    source, target = await payer.open_account(100), await payee.open_account(100)
    transfer = (await payer.transfer(target, 10)).json()["transaction_id"]
    path = f"/transactions/{transfer}/reverse"
    answers: list[Any] = await asyncio.gather(*(admin.post(path, headers=WAIT) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"already_reversed"}
    assert (await payer.balance(source), await payee.balance(target)) == (100, 100)


async def test_a_repeated_request_is_answered_and_not_booked_again(
    bank: Bank, admin: Person
) -> None:
    customer = await bank.customer()
    account = await customer.open_account()
    deposits = [
        (await customer.post("/transactions/deposit", {"amount": 10}, headers=WAIT)).json()
        for _ in range(2)
    ]
    first, second = [f"/transactions/{one['transaction_id']}/reverse" for one in deposits]
    keyed = {**WAIT, "Idempotency-Key": "take it back"}
    many = await asyncio.gather(*(admin.post(first, headers=keyed) for _ in range(10)))
    assert len({answer.json()["transaction_id"] for answer in many}) == 1
    assert sum(answer.headers.get("idempotent-replayed") == "true" for answer in many) == 9
    again = await admin.post(first, headers=keyed)
    assert (again.status_code, again.json()["status"]) == (200, "success")
    assert again.headers["idempotent-replayed"] == "true"
    other = await admin.post(second, headers=keyed)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await refusal(admin, deposits[0]["transaction_id"]) == (409, "already_reversed")
    assert await customer.balance(account) == 10
