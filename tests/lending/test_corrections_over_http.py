"""An officer puts a payment right over HTTP; the borrower sees both, and has back the excess."""

WAIT = {"Prefer": "wait=20"}


async def lent(bank, officer):
    """A borrower, and a loan of 1,000 that is paid out."""
    customer = await bank.customer()
    await customer.open_account(100)
    applied = await customer.post(
        "/loans/apply", {"amount": 1_000, "tenure_months": 12, "monthly_income": 50_000}
    )
    loan_id = applied.json()["loan_id"]
    approved = await officer.put(f"/loans/{loan_id}/approve", {"interest_rate": 12})
    await officer.final(approved.json()["transaction_id"])
    return customer, loan_id


async def test_a_payment_is_put_right_once_and_what_is_too_much_goes_back(bank):
    officer = await bank.officer()
    customer, loan_id = await lent(bank, officer)
    today = (await customer.get(f"/loans/{loan_id}/payoff")).json()["on"]
    entered = await officer.post(
        f"/loans/{loan_id}/pay", {"amount": 300, "value_date": today}, headers=WAIT
    )
    assert entered.json()["status"] == "success", entered.text
    wrong = entered.json()["transaction_id"]

    path = f"/loans/{loan_id}/payments/{wrong}/adjust"
    key = {**WAIT, "Idempotency-Key": f"right {loan_id}"}
    right = {"amount": 1050, "reason": "a digit was missing"}
    first = await officer.post(path, right, headers=key)
    again = await officer.post(path, right, headers=key)
    assert first.json()["status"] == "success", first.text
    assert again.json()["transaction_id"] == first.json()["transaction_id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert (await officer.post(path, right)).json()["code"] == "loan_state_conflict"

    loan = (await customer.get(f"/loans/{loan_id}")).json()
    assert (loan["status"], loan["overpaid"]) == ("foreclosed", 50)
    refunded = await customer.post(f"/loans/{loan_id}/refund", headers=WAIT)
    assert (refunded.json()["status"], refunded.json()["amount"]) == ("success", 50)
    assert (await customer.post(f"/loans/{loan_id}/refund")).json()["code"] == "nothing_due"

    page = (await customer.get(f"/loans/{loan_id}/history")).json()
    assert [(x["kind"], x["amount"], x["stands"]) for x in page["items"]] == [
        ("refund", 50, True),
        ("payment", 1050, True),
        ("undoing", 300, True),
        ("payment", 300, False),
        ("disbursement", 1000, True),
    ]
    assert page["items"][1]["replaces"] == wrong
    assert {(x["actor_id"], x["reason"]) for x in page["items"]} == {(None, None)}
    known = (await officer.get(f"/loans/{loan_id}/history")).json()["items"]
    assert known[2]["reason"] == "a digit was missing"
    assert known[2]["actor_id"] == known[1]["actor_id"] is not None
    cut = (await customer.get(f"/loans/{loan_id}/history?limit=2")).json()
    rest = await customer.get(f"/loans/{loan_id}/history?cursor={cut['next_cursor']}")
    assert len(rest.json()["items"]) == 3


async def test_a_customer_enters_nothing_for_another_day(bank):
    officer = await bank.officer()
    customer, loan_id = await lent(bank, officer)
    stranger = await bank.customer()
    today = (await customer.get(f"/loans/{loan_id}/payoff")).json()["on"]
    body = {"amount": 1, "value_date": today}
    assert (await customer.post(f"/loans/{loan_id}/pay", body)).status_code == 403
    assert (await officer.post(f"/loans/{loan_id}/pay")).status_code == 403
    assert (await stranger.get(f"/loans/{loan_id}/history")).status_code == 404
    assert (await stranger.post(f"/loans/{loan_id}/refund")).status_code == 404
    future = {"amount": 1, "value_date": "2999-01-01"}
    assert (await officer.post(f"/loans/{loan_id}/pay", future)).status_code == 422
    for person in (customer, officer):
        refused = await person.post(f"/loans/{loan_id}/pay", {"amount": 1, "reason": "by post"})
        fields = [error["field"] for error in refused.json()["errors"]]
        assert (refused.status_code, fields) == (422, ["value_date"])


async def test_a_large_payment_is_entered_by_two(bank):
    officer, other = await bank.officer(), await bank.officer()
    customer, loan_id = await lent(bank, officer)
    today = (await customer.get(f"/loans/{loan_id}/payoff")).json()["on"]
    body = {"amount": 2_000_000, "value_date": today}
    proposed = await officer.post(f"/loans/{loan_id}/pay", body)
    assert (proposed.status_code, proposed.json()["deed"]) == (202, "adjustment"), proposed.text
    path = f"/admin/approvals/{proposed.json()['approval_id']}/approve"
    assert (await officer.post(path)).json()["code"] == "four_eyes"
    approved = await other.post(path)
    assert approved.json()["status"] == "approved", approved.text
    ended = await officer.final(approved.json()["result"]["transaction_id"])
    assert (ended["status"], ended["failure_code"]) == ("failed", "insufficient_funds")
    page = (await customer.get(f"/loans/{loan_id}/history")).json()
    assert [event["kind"] for event in page["items"]] == ["disbursement"]
