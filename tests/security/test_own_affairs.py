"""Nobody of the staff does a deed on an account or loan of his own, whatever the amount."""

from typing import Any

import pytest

from tests.bank import Bank, Person, in_default
from tests.security.staff import hired, promoted, refusal

FOUR_EYES = (409, "four_eyes")
LOAN = {"amount": 500, "tenure_months": 12, "monthly_income": 5_000}


async def deeds_on(
    bank: Bank, customer: Person, admin: Person, officer: Person
) -> list[tuple[str, Any]]:
    """Every deed that staff can do to a customer's account, tried by these two."""
    account = await customer.open_account(100)
    other = await (await bank.customer()).open_account()
    transfer = (await customer.transfer(other, 5)).json()["transaction_id"]
    path, by_hand = f"/accounts/{account['account_id']}", {"account_id": account["account_number"]}
    owner = {"owner_id": customer.user_id, "currency": "EUR", "initial_deposit": 1}
    return [
        ("credit", await officer.post("/transactions/credit", {**by_hand, "amount": 1})),
        ("debit", await admin.post("/transactions/debit", {**by_hand, "amount": 1})),
        ("reversal", await admin.post(f"/transactions/{transfer}/reverse")),
        ("hiding", await admin.delete(f"/transactions/{transfer}")),
        ("overdraft", await admin.put(f"{path}/overdraft", {"overdraft_limit": 1})),
        ("freeze", await admin.put(f"{path}/freeze")),
        ("unfreeze", await admin.put(f"{path}/unfreeze")),
        ("opening", await officer.post("/accounts", owner)),
        ("closing", await admin.delete(path)),
    ]


async def test_an_admin_who_was_a_customer_keeps_his_hands_off_his_account(bank: Bank) -> None:
    customer = await bank.customer()
    account = await customer.open_account(100)
    other = await (await bank.customer()).open_account()
    transfer = (await customer.transfer(other, 5)).json()["transaction_id"]
    admin = await promoted(bank, customer, "admin")
    by_hand = {"account_id": account["account_id"], "amount": 1}
    for kind in ("credit", "debit"):
        assert refusal(await admin.post(f"/transactions/{kind}", by_hand)) == FOUR_EYES
    path = f"/accounts/{account['account_number']}"
    assert refusal(await admin.put(f"{path}/overdraft", {"overdraft_limit": 9})) == FOUR_EYES
    assert refusal(await admin.put(f"{path}/freeze")) == FOUR_EYES
    assert refusal(await admin.post(f"/transactions/{transfer}/reverse")) == FOUR_EYES
    colleague = await bank.admin()
    assert (await colleague.put(f"{path}/freeze")).status_code == 200
    assert refusal(await admin.put(f"{path}/unfreeze")) == FOUR_EYES


@pytest.mark.parametrize(
    ("of_the_customer", "of_the_staff"),
    [
        ({"id_document": "IN-1234 567 A"}, {"id_document": "in1234567a"}),
        (
            {"full_name": "Asha  Rao", "date_of_birth": "1990-02-03"},
            {"full_name": "asha rao", "date_of_birth": "1990-02-03"},
        ),
    ],
    ids=["the same document", "the same name and date of birth"],
)
async def test_a_second_user_of_the_same_person_is_no_way_round(
    bank: Bank, of_the_customer: dict[str, str], of_the_staff: dict[str, str]
) -> None:
    customer = await bank.customer(**of_the_customer)
    admin = await hired(bank, "admin", **of_the_staff)
    officer = await hired(bank, "officer", **of_the_staff)
    tried = await deeds_on(bank, customer, admin, officer)
    assert {name: refusal(answer) for name, answer in tried} == {
        name: FOUR_EYES for name, _ in tried
    }


async def test_who_has_told_nothing_is_nobody_else(bank: Bank) -> None:
    customer = await bank.customer()
    tried = await deeds_on(bank, customer, await bank.admin(), await bank.officer())
    assert [name for name, answer in tried if refusal(answer) == FOUR_EYES] == []


async def test_an_officer_neither_edits_nor_decides_nor_recovers_his_own_loan(bank: Bank) -> None:
    customer = await bank.customer()
    await customer.open_account(100)
    applications = [(await customer.post("/loans/apply", LOAN)).json()["loan_id"] for _ in range(2)]
    running = applications[1]
    approved = await (await bank.officer()).put(f"/loans/{running}/approve", {})
    await customer.final(approved.json()["transaction_id"])
    officer = await promoted(bank, customer)
    pending = f"/loans/{applications[0]}"
    edit = {"amount": 9_000_000, "interest_rate": 0}
    assert refusal(await officer.put(pending, edit)) == FOUR_EYES
    assert refusal(await officer.put(f"{pending}/approve")) == FOUR_EYES
    assert refusal(await officer.put(f"{pending}/reject")) == FOUR_EYES
    assert refusal(await officer.post(f"/loans/{running}/disburse")) == FOUR_EYES
    for action in (
        {"action": "settle", "amount": "0.01"},
        {"action": "restructure", "tenure_months": 24},
        {"action": "set_off"},
        {"action": "note", "note": "paid in full"},
        {"action": "assign", "officer_id": officer.user_id},
    ):
        assert refusal(await officer.post(f"/loans/{running}/recovery", action)) == FOUR_EYES
    admin = await promoted(bank, customer, "admin")
    write_off = {"action": "write_off", "reason": "never mind"}
    assert refusal(await admin.post(f"/loans/{running}/recovery", write_off)) == FOUR_EYES
    assert refusal(await admin.delete(pending)) == FOUR_EYES
    assert (await admin.get(pending)).json()["amount"] == LOAN["amount"]


async def test_a_new_schedule_keeps_to_the_products_tenure_and_rate(bank: Bank) -> None:
    customer, officer = await bank.customer(), await bank.officer()
    await customer.open_account()
    loan = (await customer.post("/loans/apply", LOAN)).json()["loan_id"]
    edit = {"tenure_months": 361}
    assert refusal(await officer.put(f"/loans/{loan}", edit)) == (400, "loan_not_eligible")
    edit = {"amount": 10_000_001}
    assert refusal(await officer.put(f"/loans/{loan}", edit)) == (400, "loan_not_eligible")
    approval = {"interest_rate": 61}
    approved = await officer.put(f"/loans/{loan}/approve", approval)
    assert refusal(approved) == (400, "loan_not_eligible")
    approved = await officer.put(f"/loans/{loan}/approve")
    await customer.final(approved.json()["transaction_id"])
    for terms in ({"tenure_months": 361}, {"tenure_months": 24, "interest_rate": 61}):
        answer = await officer.post(f"/loans/{loan}/recovery", {"action": "restructure", **terms})
        assert refusal(answer) == (400, "loan_not_eligible")
    longest = {"action": "restructure", "tenure_months": 360}
    # One officer alone gives a new schedule to who is in default, and to nobody else
    assert (await officer.post(f"/loans/{loan}/recovery", longest)).status_code == 202
    for _ in range(2):
        await in_default(bank, loan)
        assert (await officer.post(f"/loans/{loan}/recovery", longest)).status_code == 200
    # Nor without end
    await in_default(bank, loan)
    again = await officer.post(f"/loans/{loan}/recovery", longest)
    assert refusal(again) == (400, "loan_not_eligible")
    assert (await customer.get(f"/loans/{loan}")).json()["restructured_count"] == 2
