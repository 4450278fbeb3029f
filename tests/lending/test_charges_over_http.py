"""Charges and waivers by hand over HTTP: what is refused, and in which words."""

from datetime import date, timedelta

from ops.books import verify_books
from tests.lending.test_loans_over_http import apply, disburse, show

LETTER = {"kind": "letter", "reason": "It went out"}


def faults(answer):
    """The status and the code of a refusal, and the fields that it names."""
    body = answer.json()
    fields = [fault["field"] for fault in body.get("errors", ())]
    return answer.status_code, body["code"], *fields


async def borrower(bank, amount=1_200):
    customer = await bank.customer()
    await customer.open_account(10)
    return customer, await apply(customer, amount=amount)


async def test_a_charge_at_disbursal_leaves_something_to_pay_out(bank):
    officer = await bank.officer()
    customer, loan_id = await borrower(bank)
    path = f"/loans/{loan_id}/charges"
    papers = {**LETTER, "on": "disbursal"}
    for charge, refusal in (
        ({"amount": "10.555"}, (422, "invalid_amount", "amount")),
        ({"amount": 1_500}, (422, "invalid_loan_terms", "amount")),
        ({"percent": 100}, (422, "invalid_loan_terms", "amount")),
        ({"percent": 0}, (422, "validation_error", "percent")),
        ({"percent": "0.000001"}, (422, "invalid_amount", "amount")),
    ):
        assert faults(await officer.post(path, {**papers, **charge})) == refusal, charge
    assert (await show(customer, loan_id))["processing_fee"] == 0
    keyed = {**papers, "amount": 20, "idempotency_key": "papers"}
    made = await officer.post(path, keyed)
    assert made.status_code == 201, made.text
    again = await officer.post(path, keyed)
    assert (again.headers["idempotent-replayed"], again.json()) == ("true", made.json())
    assert (await show(customer, loan_id))["processing_fee"] == 20
    history = (await customer.get(f"/loans/{loan_id}/history")).json()["items"]
    assert [event["event_id"] for event in history] == [made.json()["charge_id"]]


async def test_a_charge_by_hand_is_something_and_no_more_than_was_lent(bank):
    officer = await bank.officer()
    customer, loan_id = await borrower(bank)
    await disburse(officer, loan_id)
    path = f"/loans/{loan_id}/charges"
    rows = (await customer.get(f"/loans/{loan_id}/schedule")).json()["instalments"]
    due, last = rows[0]["due_date"], date.fromisoformat(rows[-1]["due_date"])
    nothing = (422, "invalid_amount", "percent")
    too_much = (422, "invalid_amount", "amount")
    for charge, refusal in (
        ({"percent": 0, "on": due}, (422, "validation_error", "percent")),
        ({"percent": 0, "on": "overdue"}, (422, "validation_error", "percent")),
        ({"percent": "0.000001", "on": due}, nothing),
        ({"percent": "0.000001", "on": "overdue"}, nothing),
        ({"amount": "10.555", "on": due}, too_much),
        ({"amount": 10**13, "on": due}, too_much),
        ({"amount": 1_201, "on": "foreclosure"}, too_much),
        ({"amount": 101, "on": "instalment"}, too_much),
        ({"amount": 1, "on": "2020-01-01"}, (422, "validation_error", "on")),
        ({"amount": 1, "on": str(last + timedelta(1))}, (422, "validation_error", "on")),
        ({"amount": 1, "on": "someday"}, (422, "validation_error", "on")),
        ({"amount": 1, "on": "2026-02-30"}, (422, "validation_error", "on")),
    ):
        assert faults(await officer.post(path, {**LETTER, **charge})) == refusal, charge
    keyed = {**LETTER, "amount": 25, "on": due, "idempotency_key": "letter"}
    made = await officer.post(path, keyed)
    assert (made.status_code, made.json()["asked"]) == (201, 25), made.text
    let_go = {"component": "fee", "amount": 25, "reason": "Ours", "idempotency_key": "ours"}
    assert (await officer.post(f"/loans/{loan_id}/waive", let_go)).status_code == 200
    # Keys stand for what they have made
    checks = await verify_books(bank.system.settings)
    keys = [each for each in checks if "idempotency key" in each.name]
    assert [each.breaches for each in keys] == [[]]


async def test_refusals_are_in_the_words_of_the_bank(bank):
    officer = await bank.officer()
    _, loan_id = await borrower(bank)
    waive = {"component": "principal", "amount": 1, "reason": "Ours"}
    refused = await officer.post(f"/loans/{loan_id}/waive", waive)
    assert faults(refused) == (422, "validation_error", "component")
    assert (
        refused.json()["errors"][0]["message"] == "Input should be 'penalty', 'fee' or 'interest'"
    )
    quote = {"amount": 1_000, "interest_rate": 10, "tenure_months": 6}
    refused = await bank.client.post(
        "/loans/quote", json={**quote, "charges": [{"when": "overdue"}]}
    )
    [fault] = refused.json()["errors"]
    assert "<" not in fault["message"], fault
    refused = await officer.put(f"/loans/{loan_id}/reject", {"codes": ["bad_mood"]})
    [fault] = refused.json()["errors"]
    assert fault["field"] == "codes.0"
    assert "bankruptcy" in fault["message"]
    assert "balance_ample" not in fault["message"], "that would be refused as well"
    charge = {**LETTER, "amount": 1, "on": "overdue"}
    for path, body, word in (
        ("charges", charge, "charge"),
        ("waive", {**waive, "component": "fee"}, "waive"),
    ):
        refused = await officer.post(f"/loans/{loan_id}/{path}", body)
        assert refused.json()["code"] == "loan_state_conflict", refused.text
        assert refused.json()["detail"].startswith(f"{word}: not on a loan"), refused.text


async def test_no_share_has_more_decimals_than_a_rate(bank):
    admin = await bank.admin()
    for name in (
        "processing_fee_percent",
        "foreclosure_fee_percent",
        "fee_tax_percent",
        "late_fee_percent",
    ):
        refused = await admin.put("/admin/loan-products/fine", {name: "1.2345678"})
        assert faults(refused) == (422, "validation_error", name), name
