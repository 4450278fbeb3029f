"""A borrower, an officer and an admin live a loan over HTTP."""

import asyncio
import time
from datetime import date, timedelta

import pytest

from core.business_day import runs
from core.business_day.dates import BankClock, find_today
from core.foundation.database import Database
from core.lending.steps import EMI_COLLECTION
from ops.run import processes
from tests.lending.lender import moved_to

LOAN = {"amount": 12_000, "tenure_months": 12, "monthly_income": 50_000}


@pytest.fixture
async def officer(bank):
    return await bank.officer()


@pytest.fixture
async def admin(bank):
    return await bank.admin()


async def apply(customer, **fields):
    answer = await customer.post("/loans/apply", {**LOAN, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "pending"
    return answer.json()["loan_id"]


async def show(person, loan_id):
    answer = await person.get(f"/loans/{loan_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def disburse(officer, loan_id):
    answer = await officer.put(f"/loans/{loan_id}/approve", {"interest_rate": 12})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "approved"
    return await officer.final(answer.json()["transaction_id"])


async def start(bank, admin, job, day):
    """Start a run on a bank that has closed every day before; the clock goes back at once."""
    database = Database.from_settings(bank.system.settings.as_worker(), name="test")
    async with (
        database.autocommit() as connection,
        moved_to(connection, day - timedelta(days=1)),
    ):
        answer = await admin.post(f"/admin/jobs/{job}", {"business_date": str(day)})
    await database.close()
    assert answer.status_code == 202, answer.text
    return answer


async def run(bank, admin, job, day):
    answer = await start(bank, admin, job, day)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = (await admin.get(f"/admin/jobs/runs/{answer.json()['run_id']}")).json()
        if found["status"] in {"completed", "failed"}:
            assert found["status"] == "completed", found
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_a_quote_needs_no_login_and_stores_nothing(bank):
    answer = await bank.client.post(
        "/loans/quote",
        json={"amount": "10000", "interest_rate": 12, "tenure_months": 12, "fee": 100},
    )
    assert answer.status_code == 200, answer.text
    quote = answer.json()
    assert quote["emi"] == 888.49
    assert len(quote["instalments"]) == 12
    assert sum(round(row["principal"] * 100) for row in quote["instalments"]) == 1_000_000
    assert quote["apr"] > 12


async def test_a_quote_whose_rate_nobody_can_use_says_so_with_null(bank):
    day = {"number_of_instalments": 1, "frequency": {"every": 1, "unit": "days"}, "fee": 300}
    dear = {"tenure_months": 12, "charges": [{"when": "instalment", "amount": 10**12}]}
    rates = []
    for terms in (day, dear):
        body = {"amount": 1_000, "interest_rate": 12, **terms}
        answer = await bank.client.post("/loans/quote", json=body)
        assert answer.status_code == 200, answer.text
        rates.append((answer.json()["apr"], answer.json()["ear"]))
    assert rates == [(pytest.approx(15_660, abs=1), None), (None, None)]


async def test_terms_that_make_no_schedule_name_the_field(bank):
    answer = await bank.client.post("/loans/quote", json={"amount": 10, "interest_rate": 12})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "tenure_months"


async def test_a_quote_takes_every_term_of_the_contract(bank):
    terms = {
        "amount": "25000.50",
        "interest_rate": "9.25",
        "number_of_instalments": 20,
        "start_date": "2026-01-31",
        "first_due_date": "2026-02-15",
        "method": "equal_principal",
        "frequency": {"every": 10, "unit": "days"},
        "day_count": "actual/actual",
        "rounding": "half_even",
        "rounding_unit": "0.05",
        "smoothing": True,
        "interest_moratorium_months": 0,
        "fee": 0,
        "prepayments": [{"number": 3, "amount": 1_000, "mode": "reduce_tenure"}],
        "interest_pauses": [{"from": "2026-03-01", "to": "2026-03-10"}],
    }
    answer = await bank.client.post("/loans/quote", json=terms)
    assert answer.status_code == 200, answer.text
    quote = answer.json()
    assert quote["frequency"] == {"every": 10, "unit": "days"}
    assert quote["instalments"][0]["due_date"] == "2026-02-15"
    rows = quote["instalments"]
    assert sum(round((row["principal"] + row["prepaid"]) * 100) for row in rows) == 2_500_050
    assert [row["prepaid"] for row in rows if row["prepaid"]] == [rows[2]["prepaid"]] == [1_000]
    for row in rows:
        assert row["total"] == pytest.approx(row["principal"] + row["interest"] + row["fee"])
        left = row["opening_balance"] - row["principal"] - row["prepaid"]
        assert row["balance"] == pytest.approx(left)
    yen = {"amount": 100_000, "interest_rate": 0, "tenure_months": 3, "currency": "JPY"}
    quote = (await bank.client.post("/loans/quote", json=yen)).json()
    assert [row["total"] for row in quote["instalments"]] == [33_333, 33_333, 33_334]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"interest_rate": -1}, "interest_rate"),
        ({"tenure_months": 0}, "tenure_months"),
        ({"amount": 0}, "amount"),
        ({"frequency": "yearly"}, "frequency"),
        ({"moratorium_months": 12}, "moratorium_months"),
        ({"number_of_instalments": 5}, "tenure_months"),
        ({"first_due_date": "2020-01-01", "start_date": "2026-01-01"}, "first_due_date"),
        ({"prepayments": [{"number": 13, "amount": 1}]}, "prepayments"),
        ({"colour": "red"}, "colour"),
        ({"amount": "10.123"}, "amount"),
        ({"rounding_unit": "0.001"}, "rounding_unit"),
        ({"fee": "0.001"}, "fee"),
        ({"prepayments": [{"number": 1, "amount": "0.001"}]}, "prepayments.0.amount"),
    ],
)
async def test_a_quote_that_makes_no_sense_is_refused(bank, terms, field):
    asked = {"amount": 10_000, "interest_rate": 12, "tenure_months": 12, **terms}
    answer = await bank.client.post("/loans/quote", json=asked)
    assert answer.status_code == 422, answer.text
    assert any(field in error["field"] for error in answer.json()["errors"]), answer.text


async def test_a_quote_in_no_currency_of_the_bank_is_refused(bank):
    asked = {"amount": 10_000, "interest_rate": 12, "tenure_months": 12, "currency": "XTS"}
    answer = await bank.client.post("/loans/quote", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "currency_not_supported")


async def test_a_quote_that_would_take_long_is_refused(bank):
    prepayments = [{"number": number, "amount": 1} for number in range(1, 101)]
    asked = {"amount": 10**9, "interest_rate": 12, "tenure_months": 600}
    answer = await bank.client.post("/loans/quote", json={**asked, "prepayments": prepayments})
    assert answer.status_code == 422


async def test_a_loan_is_applied_for_approved_paid_out_collected_and_paid_off(bank, officer, admin):
    customer = await bank.customer()
    account = await customer.open_account(1_000)
    loan_id = await apply(customer)
    pending = await show(customer, loan_id)
    assert pending["status"] == "pending"
    assert pending["emi"] == 1066.19
    assert pending["disbursed_at"] is None

    transaction = await disburse(officer, loan_id)
    assert transaction["status"] == "success"
    assert transaction["type"] == "disbursement"
    assert transaction["loan_id"] == loan_id
    assert await customer.balance(account) == 13_000
    loan = await show(customer, loan_id)
    assert loan["status"] == "active"
    assert loan["next_due_amount"] == 1066.19

    due = date.fromisoformat(loan["next_due_date"])
    done = await run(bank, admin, "emi-collection", due)
    assert done["succeeded"] >= 1
    again = await run(bank, admin, "emi-collection", due)
    assert again["total"] == 0
    assert await customer.balance(account) == 11_933.81
    schedule = (await customer.get(f"/loans/{loan_id}/schedule")).json()
    assert schedule["instalments"][0]["status"] == "paid"
    assert schedule["instalments"][1]["status"] == "future"

    payoff = (await customer.get(f"/loans/{loan_id}/payoff")).json()
    paid = await customer.post(
        f"/loans/{loan_id}/pay", {"mode": "foreclose"}, headers={"Prefer": "wait=20"}
    )
    assert paid.status_code == 200, paid.text
    assert paid.json()["amount"] == payoff["total"]
    assert (await show(customer, loan_id))["status"] == "foreclosed"


async def test_two_decisions_at_once_are_one_decision(bank, officer):
    other = await bank.officer()
    customer = await bank.customer()
    await customer.open_account(10)
    loan_id = await apply(customer)
    answers = await asyncio.gather(
        officer.put(f"/loans/{loan_id}/approve"),
        other.put(f"/loans/{loan_id}/approve"),
        other.put(f"/loans/{loan_id}/reject", {"reason": "No"}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]


async def test_what_is_not_yours_does_not_exist(bank, officer):
    owner, stranger = await bank.customer(), await bank.customer()
    await owner.open_account(10)
    loan_id = await apply(owner)
    for path in ("", "/schedule", "/payoff"):
        assert (await stranger.get(f"/loans/{loan_id}{path}")).status_code == 404
    assert (await stranger.post(f"/loans/{loan_id}/withdraw")).status_code == 404
    assert (await stranger.post(f"/loans/{loan_id}/pay", {})).status_code == 404
    assert (await owner.get(f"/loans/{loan_id}/assessment")).status_code == 403
    assert (await owner.put(f"/loans/{loan_id}/approve")).status_code == 403
    assert (await officer.get("/loans/not-a-loan")).status_code == 404
    assert (await owner.post(f"/loans/{loan_id}/withdraw")).json()["status"] == "withdrawn"
    assert (await owner.post(f"/loans/{loan_id}/withdraw")).status_code == 409


async def test_an_advice_against_needs_a_reason_to_be_overridden(bank, officer):
    customer = await bank.customer()
    await customer.open_account(10)
    loan_id = await apply(customer, monthly_income=500)
    advice = (await officer.get(f"/loans/{loan_id}/assessment")).json()
    assert advice["recommendation"] == "decline"
    assert any("ceiling" in reason for reason in advice["reasons"])
    refused = await officer.put(f"/loans/{loan_id}/approve")
    assert refused.status_code == 400
    assert refused.json()["code"] == "override_reason_required"
    allowed = await officer.put(
        f"/loans/{loan_id}/approve", {"override_reason": "A guarantor signed"}
    )
    assert allowed.status_code == 200


async def test_a_rejected_customer_is_told_why_in_codes_and_words(bank, officer):
    customer = await bank.customer()
    await customer.open_account(10)
    loan_id = await apply(
        customer, monthly_income=3_000, household_income=500, household_obligations="900.50"
    )
    assert (await show(customer, loan_id))["reasons"] == []
    found = (await officer.get(f"/loans/{loan_id}/assessment")).json()
    # 1,066.19 + 900.50 of all that was declared, 3,500: declined, however much is confirmed.
    assert found["recommendation"] == "decline"
    assert found["foir"] == 1.1238  # of the half of it that counts
    assert found["reasons"] == [finding["text"] for finding in found["findings"]]
    assert found["findings"][0] == {
        "code": "excessive_obligations",
        "text": "All obligations would take 56.2 % of the income, above the ceiling of 50 %",
        "points": -80,
    }
    assert (found["occasion"], found["policy_version"]) == ("application", "2026-11")
    assert found["inputs"]["capacity"] == {
        "declared": 3_000,
        "seen": 0,
        "documented": None,
        "declared_obligations": 0,
        "emis": 0,
        "household_income": 500,
        "household_obligations": 900.5,
        "uncounted_currencies": [],
    }
    odd = await officer.put(f"/loans/{loan_id}", {"documented_income": "3000.001"})
    assert odd.json()["errors"][0]["field"] == "documented_income"
    path = f"/loans/{loan_id}/reject"
    for wrong in (
        {"codes": ["no_such_code"]},
        {"codes": ["long_relationship"]},
        {"codes": ["bankruptcy", "bankruptcy"]},
        {"codes": ["other"]},
        {"codes": ["bankruptcy", "balance_low", "no_income", "returned_debits", "paid_late"]},
    ):
        assert (await officer.put(path, wrong)).status_code == 422, wrong
    told = {"reason": "Too much in debt", "codes": None}
    assert (await officer.put(path, told)).status_code == 200
    loan = await show(customer, loan_id)
    assert loan["rejection_reason"] == "Too much in debt"
    assert [reason["code"] for reason in loan["reasons"]] == [
        "other",
        "excessive_obligations",
        "income_unverified",
        "balance_low",
    ]
    inbox = (await customer.get("/users/notifications")).json()["items"]
    assert "2. All obligations would take 56.2 % of the income" in inbox[0]["body"]


async def test_an_officer_changes_an_application_only_while_it_is_pending(bank, officer):
    customer = await bank.customer()
    await customer.open_account(10)
    loan_id = await apply(customer)
    changed = await officer.put(f"/loans/{loan_id}", {"interest_rate": "9.5", "tenure_months": 24})
    assert changed.json()["interest_rate"] == 9.5
    assert changed.json()["tenure_months"] == 24
    assert (await officer.put(f"/loans/{loan_id}/reject")).json()["status"] == "rejected"
    assert (await officer.put(f"/loans/{loan_id}", {"tenure_months": 12})).status_code == 409


async def test_a_failed_disbursement_can_be_tried_again(bank, officer, admin):
    customer = await bank.customer()
    account = await customer.open_account(10)
    loan_id = await apply(customer)
    await admin.put(f"/accounts/{account['account_id']}/freeze")
    transaction = await disburse(officer, loan_id)
    assert (transaction["status"], transaction["failure_code"]) == ("failed", "account_frozen")
    loan = await show(customer, loan_id)
    assert loan["status"] == "approved"
    assert loan["disbursement_failure"]
    await admin.put(f"/accounts/{account['account_id']}/unfreeze")
    again = await officer.post(f"/loans/{loan_id}/disburse")
    assert again.status_code == 202, again.text
    assert (await officer.final(again.json()["transaction_id"]))["status"] == "success"
    assert (await show(customer, loan_id))["status"] == "active"
    assert (await officer.post(f"/loans/{loan_id}/disburse")).status_code == 409
    assert (await admin.delete(f"/loans/{loan_id}")).status_code == 409


async def test_the_same_key_pays_once_even_when_nothing_is_due_any_more(bank, officer):
    customer = await bank.customer()
    account = await customer.open_account(10)
    loan_id = await apply(customer)
    await disburse(officer, loan_id)
    before = await customer.balance(account)
    headers = {"Idempotency-Key": f"pay-{loan_id}"}
    answers = await asyncio.gather(
        *(customer.post(f"/loans/{loan_id}/pay", {}, headers=headers) for _ in range(10))
    )
    ids = {answer.json()["transaction_id"] for answer in answers}
    assert len(ids) == 1, [answer.text for answer in answers]
    await customer.final(ids.pop())
    later = await customer.post(f"/loans/{loan_id}/pay", {}, headers=headers)
    assert later.headers["idempotent-replayed"] == "true"
    reused = await customer.post(f"/loans/{loan_id}/pay", {"amount": 5}, headers=headers)
    assert reused.status_code == 422
    assert reused.json()["code"] == "idempotency_key_reused"
    assert before - await customer.balance(account) == pytest.approx(1066.19)


async def test_a_default_is_recovered_from_the_other_account_and_written_off(bank, officer, admin):
    customer = await bank.customer()
    account = await customer.open_account(10)
    loan_id = await apply(customer)
    await disburse(officer, loan_id)
    await customer.post(
        "/transactions/withdrawal",
        {"amount": await customer.balance(account)},
        headers={"Prefer": "wait=10"},
    )
    other = await customer.open_account(300)
    due = date.fromisoformat((await show(customer, loan_id))["next_due_date"])
    await run(bank, admin, "default-recovery", due + timedelta(days=90))
    loan = await show(customer, loan_id)
    assert (loan["dpd"], loan["classification"], loan["in_default"]) == (91, "npa", True)
    assert await customer.balance(other) == 0
    case = (await officer.get(f"/loans/{loan_id}/recovery")).json()
    assert case["stage"] == "set_off"
    assert [step["action"] for step in case["history"]] == ["opened", "stage", "set_off"]

    me = officer.user_id
    assigned = await officer.post(
        f"/loans/{loan_id}/recovery", {"action": "assign", "officer_id": me}
    )
    assert assigned.json()["officer"] == me
    who = (await officer.get("/users/profile")).json()
    step = assigned.json()["history"][-1]
    assert (step["actor"], step["actor_id"]) == (who["full_name"] or who["email"], me)
    refused = await officer.post(
        f"/loans/{loan_id}/recovery", {"action": "write_off", "reason": "Gone"}
    )
    assert refused.status_code == 403
    written = await admin.post(
        f"/loans/{loan_id}/recovery", {"action": "write_off", "reason": "Gone"}
    )
    assert written.status_code == 200, written.text
    loan = await show(customer, loan_id)
    assert loan["status"] == "written_off"
    assert loan["outstanding_principal"] == 0
    await customer.post("/transactions/deposit", {"amount": 50}, headers={"Prefer": "wait=10"})
    late = await customer.post(
        f"/loans/{loan_id}/pay", {"amount": 50}, headers={"Prefer": "wait=10"}
    )
    assert late.json()["status"] == "success", late.text
    kinds = {item["kind"] for item in (await customer.get("/users/notifications")).json()["items"]}
    assert {"loan_default", "loan_recovery", "loan_disbursed"} <= kinds


async def test_notices_are_read_once_and_stay_read(bank, officer):
    customer = await bank.customer()
    await customer.open_account(10)
    loan_id = await apply(customer)
    inbox = (await customer.get("/users/notifications")).json()["items"]
    assert [item["kind"] for item in inbox] == ["loan_applied"]
    assert inbox[0]["loan_id"] == loan_id
    path = f"/users/notifications/{inbox[0]['notification_id']}/read"
    first = (await customer.post(path)).json()["read_at"]
    assert first
    assert (await customer.post(path)).json()["read_at"] == first
    unread = (await customer.get("/users/notifications?unread=true")).json()["items"]
    assert unread == []
    staff = (await officer.get("/users/notifications?limit=200")).json()["items"]
    assert any(item["loan_id"] == loan_id for item in staff)
    stranger = await bank.customer()
    assert (await stranger.post(path)).status_code == 404


async def test_an_admin_keeps_the_products(bank, admin):
    listed = (await admin.get("/admin/loan-products")).json()["items"]
    assert any(product["code"] == "standard" for product in listed)
    body = {"name": "Small loan", "max_amount": 500, "processing_fee_percent": "2.5"}
    made = await admin.put("/admin/loan-products/small", body)
    assert made.status_code == 200, made.text
    assert made.json()["max_amount"] == 500
    wrong = await admin.put("/admin/loan-products/small", {"min_amount": 1_000})
    assert wrong.status_code == 422
    assert (await admin.put("/admin/loan-products/small", {"colour": 1})).status_code == 422
    customer = await bank.customer()
    await customer.open_account(10)
    refused = await customer.post("/loans/apply", {"amount": 501, "product": "small"})
    assert (refused.status_code, refused.json()["code"]) == (400, "loan_not_eligible")
    unknown = await customer.post("/loans/apply", {"amount": 501, "product": "none"})
    assert unknown.status_code == 404


async def test_a_worker_killed_in_the_middle_of_a_run_costs_nothing(bank, system, officer, admin):
    loans = []
    for _ in range(6):
        customer = await bank.customer()
        account = await customer.open_account(2_000)
        loan_id = await apply(customer)
        await disburse(officer, loan_id)
        loans.append((customer, account, loan_id))
    due = date.fromisoformat((await show(officer, loans[0][2]))["next_due_date"])
    answer = await start(bank, admin, "emi-collection", due)
    system.kill("worker")
    system.spawn("worker", processes.worker())
    await run(bank, admin, "emi-collection", due)
    assert answer.status_code == 202
    for customer, account, loan_id in loans:
        schedule = (await customer.get(f"/loans/{loan_id}/schedule")).json()
        assert schedule["instalments"][0]["status"] == "paid"
        assert await customer.balance(account) == pytest.approx(14_000 - 1066.19)


async def test_the_report_shows_the_portfolio(bank, officer, admin):
    customer = await bank.customer()
    await customer.open_account(100)
    loan_id = await apply(customer)
    await disburse(officer, loan_id)
    report = (await admin.get("/admin/reports")).json()
    assert report["total_loans"] >= 1
    lending = report["lending"]
    euros = next(row for row in lending["portfolio"] if row["currency"] == "EUR")
    assert euros["outstanding_principal"] >= 12_000
    assert 0 <= euros["par_90"] <= euros["par_30"] <= 1
    assert lending["loans_by_status"]["active"] >= 1


async def test_the_scheduler_goes_on_with_a_run_that_everybody_forgot(bank, system, admin):
    database = Database(system.settings.owner_url, name="test")
    async with database.unit_of_work() as unit:
        bank_clock = BankClock.of(system.settings)
        run_id = await runs.start(unit.connection, EMI_COLLECTION, date(2020, 1, 1), bank_clock)
        await unit.connection.execute(
            "UPDATE business_day_runs SET created_at = now() - interval '1 minute' WHERE id = $1",
            run_id,
        )
        await unit.commit()
    await database.close()
    deadline = time.monotonic() + 30
    while (found := (await admin.get(f"/admin/jobs/runs/{run_id}")).json())[
        "status"
    ] != "completed":
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)
    assert found["done"] == found["total"]
    completed = (await admin.get("/admin/jobs/runs", params={"status": "completed"})).json()[
        "items"
    ]
    assert [run for run in completed if run["run_id"] == str(run_id)] == [found]
    failed = (await admin.get("/admin/jobs/runs", params={"status": "failed"})).json()["items"]
    assert {run["status"] for run in failed} <= {"failed"}
    unknown = await admin.get("/admin/jobs/runs", params={"status": "lost"})
    assert unknown.status_code == 422


@pytest.mark.parametrize("job", ["emi-collection", "default-recovery"])
async def test_no_job_runs_for_a_date_beyond_the_next_business_date(bank, officer, admin, job):
    customer = await bank.customer()
    account = await customer.open_account(100)
    loan_id = await apply(customer)
    await disburse(officer, loan_id)
    before = await customer.balance(account)
    database = Database.from_settings(bank.system.settings, name="test")
    async with database.read() as reader:
        today = await find_today(reader, bank.system.settings.time_zone)
    await database.close()
    following = today.business_date + timedelta(days=1)
    for day in ("9999-12-31", "2999-01-01", str(following + timedelta(days=1))):
        refused = await admin.post(f"/admin/jobs/{job}", {"business_date": day})
        assert refused.status_code == 400, refused.text
        assert refused.json()["code"] == "business_date_in_future"
    accepted = await admin.post(f"/admin/jobs/{job}", {"business_date": str(following)})
    assert accepted.status_code == 202, accepted.text
    assert await customer.balance(account) == before
    schedule = (await customer.get(f"/loans/{loan_id}/schedule")).json()
    assert {row["status"] for row in schedule["instalments"]} <= {"future", "due"}


async def test_a_quote_counts_fees_and_their_tax(bank):
    """emicalculator.net: 200,000 at 10 % over 6 months, a fee of 1 % and 18 % GST on it: 14.1 %."""
    terms = {"amount": 200_000, "interest_rate": 10, "tenure_months": 6}
    upfront = {"when": "disbursal", "percent": 1, "tax_percent": 18}
    by_field = {**terms, "fee": 2_000, "fee_tax_percent": 18}
    for body in (by_field, {**terms, "charges": [upfront]}):
        quote = (await bank.client.post("/loans/quote", json=body)).json()
        assert (quote["emi"], round(quote["apr"], 1)) == (34_312.28, 14.1), body
    each = {"when": "instalment", "amount": "2.50", "tax_percent": 20}
    quote = (await bank.client.post("/loans/quote", json={**terms, "charges": [each]})).json()
    assert {row["fee"] for row in quote["instalments"]} == {3}
    assert quote["instalments"][0]["total"] == 34_315.28
    wrong = {**terms, "charges": [{**each, "when": "overdue"}]}
    assert (await bank.client.post("/loans/quote", json=wrong)).status_code == 422


async def test_an_officer_charges_a_fee_and_waives_it(bank, officer, admin):
    charge = {"code": "papers", "name": "Papers", "when": "disbursal", "amount": 20}
    product = {"name": "With papers", "charges": [charge]}
    made = await admin.put("/admin/loan-products/papers", product)
    assert made.json()["charges"] == [{**charge, "percent": 0, "tax_percent": 0}], made.text
    twice = await admin.put("/admin/loan-products/papers", {"charges": [charge, charge]})
    assert twice.status_code == 422
    customer = await bank.customer()
    await customer.open_account(10)
    loan_id = await apply(customer, product="papers")
    path = f"/loans/{loan_id}/charges"
    survey = {"kind": "survey", "percent": 1, "on": "disbursal", "reason": "The house was seen"}
    answer = await officer.post(path, survey)
    assert (answer.status_code, answer.json()["asked"]) == (201, None), answer.text
    assert (await show(customer, loan_id))["processing_fee"] == 140
    await disburse(officer, loan_id)
    assert (await officer.post(path, survey)).status_code == 409
    due = (await show(customer, loan_id))["next_due_date"]
    letter = {"kind": "letter", "amount": 25, "on": due, "tax_percent": 18, "reason": "It went out"}
    for refused, status in (
        ({**letter, "percent": 1}, 422),
        ({**letter, "on": "2020-01-01"}, 422),
        ({**letter, "on": "someday"}, 422),
    ):
        assert (await officer.post(path, refused)).status_code == status, refused
    assert (await customer.post(path, letter)).status_code == 403
    keyed = {**letter, "idempotency_key": "letter-1"}
    answer = await officer.post(path, keyed)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["asked"], answer.json()["tax"]) == (29.5, 4.5)
    again = await officer.post(path, keyed)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == answer.json()
    first = (await customer.get(f"/loans/{loan_id}/schedule")).json()["instalments"][0]
    assert first["fee"] == 29.5
    waive = f"/loans/{loan_id}/waive"
    body = {"component": "fee", "amount": 30, "reason": "Our own mistake"}
    refused = await officer.post(waive, body)
    assert (refused.status_code, refused.json()["code"]) == (400, "nothing_to_waive")
    keyed = {**body, "amount": 29.5, "idempotency_key": "waive-1"}
    waived = await officer.post(waive, keyed)
    assert waived.status_code == 200, waived.text
    again = await officer.post(waive, keyed)
    assert (again.headers["idempotent-replayed"], again.json()) == ("true", waived.json())
    first = (await customer.get(f"/loans/{loan_id}/schedule")).json()["instalments"][0]
    assert first["fee"] == 0
