"""A replay is a replay in every state: one key, one transaction, whatever has ended since."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from core.foundation.errors import IdempotencyKeyReused, SelfServiceCashOff
from core.foundation.ids import new_id
from core.transactions import orders
from core.transactions.orders import Idempotency, Order, Party
from tests.bank import Bank, Person, in_default
from tests.quiet import Quiet

WAIT = {"Prefer": "wait=20"}


async def borrowed(bank: Bank) -> tuple[Person, dict[str, Any], str]:
    """A customer with 1,500 of their own and a loan of 1,200 that is paid out."""
    customer, officer = await bank.customer(), await bank.officer()
    account = await customer.open_account(1_500)
    wanted = {"amount": 1_200, "tenure_months": 12, "monthly_income": 50_000}
    loan_id = (await customer.post("/loans/apply", wanted)).json()["loan_id"]
    approved = await officer.put(f"/loans/{loan_id}/approve")
    await customer.final(approved.json()["transaction_id"])
    return customer, account, loan_id


def is_replay_of(answer: Any, first: Any) -> bool:
    return bool(
        answer.status_code == 200
        and answer.headers.get("idempotent-replayed") == "true"
        and answer.json()["transaction_id"] == first.json()["transaction_id"]
        and answer.json()["status"] == "success"
    )


async def test_a_foreclosure_is_replayed_after_the_loan_has_ended_and_was_deleted(
    bank: Bank,
) -> None:
    customer, account, loan_id = await borrowed(bank)
    path, headers = f"/loans/{loan_id}/pay", {**WAIT, "Idempotency-Key": "be rid of it"}
    first = await customer.post(path, {"mode": "foreclose"}, headers=headers)
    assert (first.status_code, first.json()["status"]) == (200, "success")
    left = await customer.balance(account)
    assert is_replay_of(await customer.post(path, {"mode": "foreclose"}, headers=headers), first)

    without_key = await customer.post(path, {"mode": "foreclose"})
    assert (without_key.status_code, without_key.json()["code"]) == (409, "loan_state_conflict")
    reused = await customer.post(path, {"mode": "due"}, headers=headers)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")

    admin = await bank.admin()
    assert (await admin.delete(f"/loans/{loan_id}")).status_code == 204
    assert is_replay_of(await customer.post(path, {"mode": "foreclose"}, headers=headers), first)
    assert (await customer.post(path, {"mode": "foreclose"})).status_code == 404
    assert await customer.balance(account) == left


async def test_fifty_foreclosures_at_once_with_one_key_are_one(bank: Bank) -> None:
    customer, account, loan_id = await borrowed(bank)
    before = await customer.balance(account)
    headers = {**WAIT, "Idempotency-Key": "all at once"}
    answers = await asyncio.gather(
        *(
            customer.post(f"/loans/{loan_id}/pay", {"mode": "foreclose"}, headers=headers)
            for _ in range(50)
        )
    )
    assert {answer.status_code for answer in answers} == {200}, [a.text for a in answers]
    assert len({answer.json()["transaction_id"] for answer in answers}) == 1
    paid = Decimal(str(answers[0].json()["amount"]))
    assert Decimal(str(before)) - Decimal(str(await customer.balance(account))) == paid


async def test_the_steps_of_a_recovery_are_replayed_whatever_became_of_the_loan(bank: Bank) -> None:
    customer, account, loan_id = await borrowed(bank)
    admin, other = await bank.admin(), await customer.open_account(100)
    path = f"/loans/{loan_id}/recovery"
    steps: list[dict[str, Any]] = [
        {"action": "note", "note": "He will pay"},
        {"action": "assign", "officer_id": admin.user_id},
        {"action": "restructure", "tenure_months": 24},
        {"action": "settle", "amount": 900},
    ]
    first = {}
    for step in steps:
        headers = {"Idempotency-Key": step["action"]}
        await in_default(bank, loan_id)
        first[step["action"]] = await admin.post(path, step, headers=headers)
        assert first[step["action"]].is_success, first[step["action"]].text
    (settlement,) = first["settle"].json()["transaction_ids"]
    assert (await admin.final(settlement))["status"] == "success"
    history = (await admin.get(path)).json()["history"]
    balances = await customer.balance(account), await customer.balance(other)
    assert (await admin.delete(f"/loans/{loan_id}")).status_code == 204

    for step in steps:
        answer = await admin.post(path, step, headers={"Idempotency-Key": step["action"]})
        assert answer.status_code == first[step["action"]].status_code, answer.text
        assert answer.headers.get("idempotent-replayed") == "true", step
        assert answer.json()["history"] == history, "nothing was done again"
        assert answer.json()["transaction_ids"] == (first[step["action"]].json()["transaction_ids"])
    other_body = await admin.post(path, steps[0], headers={"Idempotency-Key": "settle"})
    assert other_body.json()["code"] == "idempotency_key_reused"
    assert balances == (await customer.balance(account), await customer.balance(other))


async def test_a_transfer_is_replayed_after_its_account_was_closed(bank: Bank) -> None:
    customer, friend, admin = await bank.customer(), await bank.customer(), await bank.admin()
    account, theirs = await customer.open_account(10), await friend.open_account()
    headers = {"Idempotency-Key": "the last of it"}
    first = await customer.transfer(theirs, 10, headers=headers)
    assert first.json()["status"] == "success"
    assert (await admin.delete(f"/accounts/{account['account_id']}")).status_code == 204
    assert is_replay_of(await customer.transfer(theirs, 10, headers=headers), first)
    await admin.put(f"/accounts/{theirs['account_id']}/freeze")
    assert is_replay_of(await customer.transfer(theirs, 10, headers=headers), first)
    assert (await customer.transfer(theirs, 10)).status_code == 400


async def test_a_reversal_is_replayed_after_its_transaction_was_hidden(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account()
    deposit = await customer.post("/transactions/deposit", {"amount": 10}, headers=WAIT)
    path = f"/transactions/{deposit.json()['transaction_id']}"
    headers = {**WAIT, "Idempotency-Key": "take it back"}
    first = await admin.post(f"{path}/reverse", headers=headers)
    assert first.json()["status"] == "success"
    assert (await admin.delete(path)).status_code == 204
    assert is_replay_of(await admin.post(f"{path}/reverse", headers=headers), first)
    assert (await admin.post(f"{path}/reverse")).status_code == 404
    assert await customer.balance(account) == 0


async def test_what_refuses_an_order_refuses_no_replay_of_it(quiet: Quiet) -> None:
    """The cash desk closes between a deposit and its repetition."""
    account, owner = await quiet.account(), new_id()

    def deposit(amount: int, refusal: Any = None, key: str = "cash") -> Order:
        return orders.deposit(
            Party(str(account)),
            Decimal(amount),
            idempotency=Idempotency(owner, key),
            refusal=refusal,
        )

    first = await quiet.intake.submit(deposit(10))
    again = await quiet.intake.submit(deposit(10, SelfServiceCashOff()))
    assert (again.transaction_id, again.replayed) == (first.transaction_id, True)
    with pytest.raises(IdempotencyKeyReused):
        await quiet.intake.submit(deposit(11, SelfServiceCashOff()))
    with pytest.raises(SelfServiceCashOff):
        await quiet.intake.submit(deposit(10, SelfServiceCashOff(), key="another"))


async def test_an_application_is_replayed_whatever_became_of_it(bank: Bank) -> None:
    customer, officer = await bank.customer(), await bank.officer()
    await customer.open_account()
    wanted = {"amount": 1_200, "tenure_months": 12, "monthly_income": 50_000}
    headers = {"Idempotency-Key": "a new roof"}
    answers = await asyncio.gather(
        *(customer.post("/loans/apply", wanted, headers=headers) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {201}
    (loan_id,) = {answer.json()["loan_id"] for answer in answers}
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 9
    assert len((await customer.get("/loans")).json()["items"]) == 1
    await officer.put(f"/loans/{loan_id}/reject")
    again = await customer.post("/loans/apply", {**wanted, "idempotency_key": "a new roof"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == {"loan_id": loan_id, "status": "rejected"}
    other = await customer.post("/loans/apply", {**wanted, "amount": 1_300}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_second_disbursement_is_replayed_after_the_loan_runs(bank: Bank) -> None:
    customer, officer, admin = await bank.customer(), await bank.officer(), await bank.admin()
    account = await customer.open_account(10)
    wanted = {"amount": 1_200, "tenure_months": 12, "monthly_income": 50_000}
    loan_id = (await customer.post("/loans/apply", wanted)).json()["loan_id"]
    await admin.put(f"/accounts/{account['account_id']}/freeze")
    approved = await officer.put(f"/loans/{loan_id}/approve")
    assert (await officer.final(approved.json()["transaction_id"]))["status"] == "failed"
    await admin.put(f"/accounts/{account['account_id']}/unfreeze")
    path, headers = f"/loans/{loan_id}/disburse", {"Idempotency-Key": "once more"}
    first = await officer.post(path, headers=headers)
    assert (first.status_code, "idempotent-replayed" in first.headers) == (202, False)
    await officer.final(first.json()["transaction_id"])
    again = await officer.post(path, {"idempotency_key": "once more"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert again.json()["transaction_id"] == first.json()["transaction_id"]
    assert (await officer.post(path)).status_code == 409
