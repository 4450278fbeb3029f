"""Four eyes: above a limit one person proposes, another approves, and the deed is done once."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from core.foundation.config import Environment
from core.foundation.ids import new_id
from ops.run import processes
from tests.bank import PASSWORD, Bank, Person, in_default
from tests.security.staff import hired, promoted, refusal
from tests.system import System

FOUR_EYES = (409, "four_eyes")
LIMIT = 1_000


@pytest.fixture(scope="module")
async def strict(bank: Bank) -> AsyncIterator[httpx2.AsyncClient]:
    """A production's API whose staff need a second person above 1,000, for overdrafts always."""
    changes = {
        "environment": Environment.PRODUCTION,
        "self_service_cash": True,
        "four_eyes_above": Decimal(LIMIT),
        "four_eyes_above_overdraft": Decimal(0),
    }
    system = System(bank.system.settings.model_copy(update=changes))
    system.spawn("api", processes.api("127.0.0.1", system.port))
    system.wait_until_ready(system.port)
    async with httpx2.AsyncClient(base_url=system.url, timeout=60) as client:
        yield client
    system.stop()


class Branch:
    """People at the strict bank."""

    def __init__(self, bank: Bank, client: httpx2.AsyncClient) -> None:
        self.bank, self.client = bank, client

    def here(self, person: Person) -> Person:
        return Person(self.client, person.user_id, person.email, person.token)

    async def customer(self) -> Person:
        return self.here(await self.bank.customer())

    async def officer(self) -> Person:
        return self.here(await self.bank.officer())

    async def admin(self) -> Person:
        return self.here(await self.bank.admin())

    async def people(self, *roles: str) -> list[Person]:
        """One of each role, in order: "customer", "officer" or "admin"."""
        return [await getattr(self, role)() for role in roles]


@pytest.fixture
def branch(bank: Bank, strict: httpx2.AsyncClient) -> Branch:
    return Branch(bank, strict)


def waiting(answer: Any) -> str:
    """The path of the proposal that a deed was answered with."""
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "waiting", answer.text
    path: str = answer.headers["location"]
    assert path == f"/admin/approvals/{answer.json()['approval_id']}"
    return path


async def approved(who: Person, proposal: str) -> dict[str, Any]:
    """What became of a proposal that ``who`` approves."""
    answer = await who.post(f"{proposal}/approve")
    assert answer.status_code == 200, answer.text
    decided: dict[str, Any] = answer.json()
    assert decided["decided_by"] == who.user_id
    return decided


async def void(who: Person, proposal: str) -> str:
    """The code for which an approved deed was not done."""
    decided = await approved(who, proposal)
    assert decided["status"] == "void", decided
    code: str = decided["result"]["code"]
    return code


async def test_a_large_credit_waits_for_a_second_person_and_is_done_once(branch: Branch) -> None:
    customer, officer, colleague = await branch.people("customer", "officer", "admin")
    account = await customer.open_account()
    body = {"account_id": account["account_number"], "amount": 1000.01, "description": "Legacy"}
    proposed = await officer.post("/transactions/credit", body)
    proposal = waiting(proposed)
    assert {
        key: proposed.json()[key] for key in ("deed", "body", "proposed_by", "decided_by", "result")
    } == {
        "deed": "credit",
        "body": {**body, "reference": None},
        "proposed_by": officer.user_id,
        "decided_by": None,
        "result": None,
    }
    listed = (await colleague.get("/admin/approvals", params={"status": "waiting"})).json()["items"]
    assert proposed.json() in listed
    assert refusal(await officer.post(f"{proposal}/approve")) == FOUR_EYES
    assert refusal(await officer.post(f"{proposal}/reject", {"reason": "Mine"})) == FOUR_EYES
    assert await customer.balance(account) == 0
    many = await asyncio.gather(*(colleague.post(f"{proposal}/approve") for _ in range(50)))
    assert sorted(answer.status_code for answer in many) == [200] + [409] * 49
    assert {a.json()["code"] for a in many if a.status_code == 409} == {"approval_not_waiting"}
    shown = (await officer.get(proposal)).json()
    assert (shown["status"], shown["decided_by"]) == ("approved", colleague.user_id)
    transaction = await customer.final(shown["result"]["transaction_id"])
    assert (transaction["type"], transaction["amount"]) == ("credit", 1000.01)
    assert await customer.balance(account) == 1000.01
    assert len((await customer.get("/transactions")).json()["items"]) == 1
    params = {"subject_id": shown["approval_id"]}
    log = (await colleague.get("/admin/audit", params=params)).json()["items"]
    assert [(entry["action"], entry["actor_id"]) for entry in log] == [
        ("approval.approve", colleague.user_id),
        ("approval.propose", officer.user_id),
    ]


async def test_below_its_limit_one_person_suffices_but_many_small_ones_are_a_large_one(
    branch: Branch,
) -> None:
    customer, officer, other = await branch.people("customer", "officer", "officer")
    account = await customer.open_account()
    body = {"account_id": account["account_id"], "amount": 400}
    many = await asyncio.gather(*(officer.post("/transactions/credit", body) for _ in range(6)))
    done = [answer.json() for answer in many if "transaction_id" in answer.json()]
    assert len(done) == 2, "400 + 400, and not 400 more"
    assert all(answer.status_code == 202 for answer in many)
    # What two have agreed on does not count against the one.
    proposal = waiting(next(a for a in many if "approval_id" in a.json()))
    await approved(other, proposal)
    small = await officer.post("/transactions/credit", {**body, "amount": 200})
    assert "transaction_id" in small.json()
    assert "transaction_id" in (await other.post("/transactions/credit", body)).json()


async def test_whom_it_serves_does_not_approve_it(branch: Branch) -> None:
    customer, officer = await branch.people("customer", "officer")
    account = await customer.open_account()
    body = {"account_id": account["account_id"], "amount": 5_000}
    proposal = waiting(await officer.post("/transactions/credit", body))
    hired = branch.here(await promoted(branch.bank, customer))
    assert refusal(await hired.post(f"{proposal}/approve")) == FOUR_EYES
    assert refusal(await hired.post(f"{proposal}/reject", {"reason": "No"})) == FOUR_EYES
    stranger = await branch.customer()
    assert refusal(await stranger.post(f"{proposal}/approve")) == (403, "forbidden")
    assert refusal(await stranger.get(proposal)) == (403, "forbidden")
    assert (await approved(await branch.officer(), proposal))["status"] == "approved"


async def test_a_second_user_of_who_proposed_it_does_not_approve_it(branch: Branch) -> None:
    customer, document = await branch.customer(), f"P {secrets.token_hex(6)}"
    account = await customer.open_account()
    officer, twin = [
        branch.here(await hired(branch.bank, role, id_document=written))
        for role, written in (("officer", document), ("admin", document.lower().replace(" ", "-")))
    ]
    body = {"account_id": account["account_id"], "amount": 5_000}
    proposal = waiting(await officer.post("/transactions/credit", body))
    assert refusal(await twin.post(f"{proposal}/approve")) == FOUR_EYES
    assert refusal(await twin.post(f"{proposal}/reject", {"reason": "No"})) == FOUR_EYES
    assert await customer.balance(account) == 0


async def test_who_decides_needs_the_role_of_the_deed(branch: Branch) -> None:
    customer, admin, officer = await branch.people("customer", "admin", "officer")
    account = await customer.open_account(2_000)
    deposit = (await customer.get("/transactions")).json()["items"][0]["transaction_id"]
    path = f"/transactions/{deposit}/reverse"
    proposal = waiting(await admin.post(path))
    assert refusal(await officer.post(f"{proposal}/approve")) == (403, "forbidden")
    assert await customer.balance(account) == 2_000
    decided = await approved(await branch.admin(), proposal)
    await customer.final(decided["result"]["transaction_id"])
    assert await customer.balance(account) == 0


async def test_a_repeated_proposal_is_the_same_one_and_a_decision_is_made_once(
    branch: Branch,
) -> None:
    customer, officer, other = await branch.people("customer", "officer", "officer")
    account = await customer.open_account(9_000)
    body, keyed = (
        {"account_id": account["account_id"], "amount": 5_000},
        {"Idempotency-Key": "take 5000"},
    )
    many = await asyncio.gather(
        *(officer.post("/transactions/debit", body, headers=keyed) for _ in range(10))
    )
    assert len({waiting(answer) for answer in many}) == 1
    assert sum(answer.headers.get("idempotent-replayed") == "true" for answer in many) == 9
    proposal = waiting(many[0])
    changed = await officer.post("/transactions/debit", {**body, "amount": 5_001}, headers=keyed)
    assert refusal(changed) == (422, "idempotency_key_reused")
    moved = await officer.post("/transactions/credit", body, headers=keyed)
    assert refusal(moved) == (422, "idempotency_key_reused")
    keyed_approval = {"Idempotency-Key": "yes"}
    first = await other.post(f"{proposal}/approve", headers=keyed_approval)
    again = await other.post(f"{proposal}/approve", headers=keyed_approval)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    replayed = await officer.post("/transactions/debit", body, headers=keyed)
    assert replayed.json() == first.json()
    await officer.final(first.json()["result"]["transaction_id"])
    assert await customer.balance(account) == 4_000


async def test_a_rejected_proposal_does_nothing_ever(branch: Branch) -> None:
    customer, officer, other = await branch.people("customer", "officer", "officer")
    account = await customer.open_account()
    body = {"account_id": account["account_id"], "amount": 5_000}
    proposal = waiting(await officer.post("/transactions/credit", body))
    assert (await other.post(f"{proposal}/reject")).status_code == 422
    rejected = (await other.post(f"{proposal}/reject", {"reason": "Wrong account"})).json()
    assert (rejected["status"], rejected["reason"]) == ("rejected", "Wrong account")
    for verb, said in (("approve", None), ("reject", {"reason": "Again"})):
        answer = await other.post(f"{proposal}/{verb}", said)
        assert refusal(answer) == (409, "approval_not_waiting")
    assert await customer.balance(account) == 0
    inbox = (await officer.get("/users/notifications")).json()["items"]
    assert any(rejected["approval_id"] in item["body"] for item in inbox)


async def test_a_deed_whose_ground_has_changed_is_void(branch: Branch) -> None:
    customer, admin, other = await branch.people("customer", "admin", "admin")
    account = await customer.open_account(3_000)
    friend = await (await branch.customer()).open_account()
    path = f"/accounts/{account['account_id']}"
    by_hand = {"account_id": account["account_id"], "amount": 2_500}
    # An overdraft always needs two; another one is granted meanwhile
    first = waiting(await admin.put(f"{path}/overdraft", {"overdraft_limit": 50}))
    second = waiting(await admin.put(f"{path}/overdraft", {"overdraft_limit": 60}))
    assert (await approved(other, second))["status"] == "approved"
    assert await void(other, first) == "ground_changed"
    assert (await customer.get(path)).json()["overdraft_limit"] == 60
    # What was to be debited is spent; what was to be taken back is taken back; the account freezes
    debit = waiting(await admin.post("/transactions/debit", by_hand))
    deposit = (await customer.get("/transactions")).json()["items"][0]["transaction_id"]
    reversals = [waiting(await admin.post(f"/transactions/{deposit}/reverse")) for _ in range(2)]
    credit = waiting(await admin.post("/transactions/credit", by_hand))
    done = await approved(other, reversals[0])
    await customer.final(done["result"]["transaction_id"])
    assert await void(other, reversals[1]) == "already_reversed"
    assert await void(other, debit) == "insufficient_funds"
    await admin.put(f"{path}/freeze")
    assert await void(other, credit) == "account_frozen"
    assert await customer.balance(account) == 0
    assert friend["balance"] == 0


async def aged(connection: asyncpg.Connection, proposal: str) -> UUID:
    """A twin of a proposal that was made eight days ago."""
    twin: UUID = await connection.fetchval(
        "INSERT INTO approvals (id, deed, body, sealed, ground, owners, run_id, proposed_by,"
        " proposed_at, lapses_at) SELECT $2, deed, body, sealed, ground, owners, $3, proposed_by,"
        " proposed_at - interval '8 days', lapses_at - interval '8 days'"
        " FROM approvals WHERE id = $1 RETURNING id",
        proposal,
        new_id(),
        new_id(),
    )
    return twin


async def test_a_proposal_lapses_after_a_week(branch: Branch) -> None:
    customer, officer, other = await branch.people("customer", "officer", "officer")
    account = await customer.open_account()
    body = {"account_id": account["account_id"], "amount": 5_000}
    fresh = (await officer.post("/transactions/credit", body)).json()
    connection = await asyncpg.connect(branch.bank.system.settings.database_url)
    old = await aged(connection, fresh["approval_id"])
    await connection.close()
    assert (await officer.get(f"/admin/approvals/{old}")).json()["status"] == "lapsed"
    listed = (await other.get("/admin/approvals", params={"status": "lapsed"})).json()["items"]
    assert str(old) in {item["approval_id"] for item in listed}
    answer = await other.post(f"/admin/approvals/{old}/approve")
    assert refusal(answer) == (409, "approval_not_waiting")
    assert await customer.balance(account) == 0


async def test_what_was_sealed_goes_when_nobody_can_decide_any_more(branch: Branch) -> None:
    admin = await branch.admin()

    async def propose() -> str:
        hired = {"email": f"{secrets.token_hex(6)}@example.org", "password": PASSWORD,
                 "role": "officer", "id_document": "P-1234567-IND"}  # fmt: skip
        return waiting(await admin.post("/admin/users", hired)).rpartition("/")[2]

    fresh = await propose()
    connection = await asyncpg.connect(branch.bank.system.settings.database_url)
    old = await aged(connection, fresh)
    sealed = "SELECT sealed->>'id_document' FROM approvals WHERE id = $1"
    assert await connection.fetchval(sealed, old) == "P-1234567-IND"
    await propose()
    assert await connection.fetchval(sealed, old) is None
    assert await connection.fetchval(sealed, fresh) == "P-1234567-IND", "it may yet be approved"
    await connection.close()


async def test_the_database_itself_wants_two_and_one_decision(branch: Branch) -> None:
    customer, officer, other = await branch.people("customer", "officer", "officer")
    account = await customer.open_account()
    body = {"account_id": account["account_id"], "amount": 5_000}
    proposal = (await officer.post("/transactions/credit", body)).json()["approval_id"]
    connection = await asyncpg.connect(branch.bank.system.settings.database_url)
    decide = (
        "UPDATE approvals SET status = 'approved', decided_by = $2, decided_at = now(),"
        " result = '{}' WHERE id = $1"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="four_eyes"):
        await connection.execute(decide, proposal, officer.user_id)
    owner = await asyncpg.connect(branch.bank.system.settings.migration_database_url)
    for forged in ("body = '{}'", "run_id = id", "lapses_at = lapses_at + interval '1 year'"):
        forgery = f"UPDATE approvals SET {forged} WHERE id = $1"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forgery, proposal)
        with pytest.raises(asyncpg.CheckViolationError, match="stays as it was proposed"):
            await owner.execute(forgery, proposal)
    await other.post(f"/admin/approvals/{proposal}/reject", {"reason": "No"})
    with pytest.raises(asyncpg.CheckViolationError, match="rejected"):
        await connection.execute(decide, proposal, other.user_id)
    with pytest.raises(asyncpg.PostgresError):
        await owner.execute("DELETE FROM approvals WHERE id = $1", proposal)
    await owner.close()
    await connection.close()


async def test_cash_at_the_counter_is_money_like_any_other(branch: Branch) -> None:
    customer, officer, other = await branch.people("customer", "officer", "officer")
    body = {"owner_id": customer.user_id, "initial_deposit": 7_500, "currency": "USD"}
    proposal = waiting(await officer.post("/accounts", body))
    assert (await customer.get("/accounts")).json()["items"] == []
    decided = await approved(other, proposal)
    (account,) = (await customer.get("/accounts")).json()["items"]
    assert decided["result"] == {"account_id": account["account_id"]}
    assert (account["balance"], account["currency"]) == (7_500, "USD")
    without_cash = await officer.post("/accounts", {"owner_id": customer.user_id})
    assert without_cash.status_code == 201


async def test_a_limit_is_in_major_units_of_its_own_currency(branch: Branch) -> None:
    customer, officer = await branch.people("customer", "officer")
    for currency, amount in (("JPY", "1000"), ("KWD", "1000.000")):
        account = await customer.open_account(currency=currency)
        body = {"account_id": account["account_id"], "amount": amount}
        assert "transaction_id" in (await officer.post("/transactions/credit", body)).json()
        waiting(await officer.post("/transactions/credit", {**body, "amount": "1"}))


LOAN = {"amount": 5_000, "tenure_months": 12, "monthly_income": 50_000}


async def paid_out(branch: Branch, **fields: Any) -> tuple[Person, str]:
    """A borrower and a loan that runs."""
    borrower, officer = await branch.people("customer", "officer")
    await borrower.open_account()
    loan = (await borrower.post("/loans/apply", {**LOAN, **fields})).json()["loan_id"]
    answer = await officer.put(f"/loans/{loan}/approve")
    await borrower.final(answer.json()["transaction_id"])
    return borrower, loan


async def test_what_is_agreed_on_a_large_loan_needs_two(branch: Branch) -> None:
    borrower, loan = await paid_out(branch)
    admin, other = await branch.people("admin", "admin")
    path = f"/loans/{loan}/recovery"
    steps = (
        {"action": "restructure", "tenure_months": 24, "interest_rate": 9},
        {"action": "settle", "amount": 4_000},
        {"action": "write_off", "reason": "Moved away"},
    )
    restructuring, settlement, write_off = [waiting(await admin.post(path, s)) for s in steps]
    assert (await borrower.get(f"/loans/{loan}")).json()["status"] == "active"
    longer = await admin.post(path, {"action": "restructure", "tenure_months": 361})
    assert refusal(longer) == (400, "loan_not_eligible"), "not even proposed"
    assert (await approved(other, restructuring))["status"] == "approved"
    changed = (await borrower.get(f"/loans/{loan}")).json()
    assert (changed["status"], changed["interest_rate"], changed["tenure_months"]) == (
        "restructured", 9, 24,
    )  # fmt: skip
    assert await void(other, settlement) == "ground_changed"
    assert await void(other, write_off) == "ground_changed"
    settlement = waiting(await admin.post(path, steps[1]))
    done = await approved(other, settlement)
    final = await borrower.final(done["result"]["transaction_id"])
    assert (final["type"], final["amount"], final["status"]) == ("recovery", 4_000, "success")
    assert (await borrower.get(f"/loans/{loan}")).json()["status"] == "settled"


async def test_a_payment_of_interest_alone_is_another_ground_too(branch: Branch) -> None:
    borrower, loan = await paid_out(branch)
    officer, other = await branch.people("officer", "officer")
    settle = {"action": "settle", "amount": 4_000}
    proposal = waiting(await officer.post(f"/loans/{loan}/recovery", settle))
    before = (await borrower.get(f"/loans/{loan}")).json()["outstanding_principal"]
    paid = await borrower.post(f"/loans/{loan}/pay", {"amount": 1})
    await borrower.final(paid.json()["transaction_id"])
    assert (await borrower.get(f"/loans/{loan}")).json()["outstanding_principal"] == before
    assert await void(other, proposal) == "ground_changed"


async def test_a_key_that_is_forgotten_at_that_moment_is_no_way_round(branch: Branch) -> None:
    # Given a key that an admin used long ago, for what needs nobody else
    admin = await branch.admin()
    keyed = {"Idempotency-Key": "an old one"}
    body = {"email": f"c-{secrets.token_hex(6)}@example.org", "password": PASSWORD}
    made = await admin.post("/admin/users", {**body, "role": "customer"}, headers=keyed)
    assert made.status_code == 201
    # When an officer is made by the same key while retention forgets it
    owner = await asyncpg.connect(branch.bank.system.settings.migration_database_url)
    email = f"o-{secrets.token_hex(6)}@example.org"
    async with owner.transaction():
        await owner.execute("DELETE FROM idempotency_keys WHERE owner_id = $1", UUID(admin.user_id))
        officer = {**body, "email": email, "role": "officer"}
        asked = asyncio.create_task(admin.post("/admin/users", officer, headers=keyed))
        await until_it_waits_for(owner)
    await owner.close()
    # Then nobody is made without a second person
    assert refusal(await asked) == (422, "idempotency_key_reused")
    listed = (await admin.get("/admin/users", params={"email": email})).json()["items"]
    assert listed == []


async def until_it_waits_for(connection: asyncpg.Connection) -> None:
    """Until somebody waits for a lock of this connection's."""
    waits = (
        "SELECT EXISTS (SELECT FROM pg_locks"
        " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
    )
    async with asyncio.timeout(10):
        while not await connection.fetchval(waits):  # noqa: ASYNC110 - another process waits
            await asyncio.sleep(0.05)


async def test_next_to_nothing_for_a_small_loan_needs_two_as_well(branch: Branch) -> None:
    borrower, loan = await paid_out(branch, amount=500)
    officer, other = await branch.people("officer", "officer")
    path, keyed = f"/loans/{loan}/recovery", {"Idempotency-Key": f"settle {loan}"}
    proposal = waiting(await officer.post(path, {"action": "settle", "amount": "0.01"}))
    rejected = await other.post(f"{proposal}/reject", {"reason": "Be serious"})
    assert rejected.status_code == 200
    # All but all of it is no different while the borrower pays as agreed
    fair = {"action": "settle", "amount": 400}
    proposal = waiting(await officer.post(path, fair))
    assert (await other.post(f"{proposal}/reject", {"reason": "Why?"})).status_code == 200
    await in_default(branch.bank, loan)
    settled = await officer.post(path, fair, headers=keyed)
    (transaction,) = settled.json()["transaction_ids"]
    await borrower.final(transaction)
    again = await officer.post(path, fair, headers=keyed)
    assert again.json()["transaction_ids"] == [transaction]
    assert (await borrower.get(f"/loans/{loan}")).json()["status"] == "settled"


async def test_in_production_two_make_staff_and_nobody_is_shown_the_password(
    branch: Branch,
) -> None:
    admin, other = await branch.people("admin", "admin")
    email = f"new-{secrets.token_hex(6)}@example.org"
    body = {"email": email, "password": PASSWORD, "role": "officer", "full_name": "Nia"}
    body["id_document"] = "X-771"
    keyed = {"Idempotency-Key": f"hire {email}"}
    proposed = await admin.post("/admin/users", body, headers=keyed)
    proposal = waiting(proposed)
    assert proposed.json()["body"]["email"] == email
    assert "password" not in proposed.text
    assert "X-771" not in proposed.text
    login = {"email": email, "password": PASSWORD}
    assert (await branch.client.post("/auth/login", json=login)).status_code == 401
    decided = await approved(other, proposal)
    again = await admin.post("/admin/users", body, headers=keyed)
    assert again.json()["approval_id"] == decided["approval_id"]
    officer = await branch.bank.login(email)
    assert decided["result"] == {"user_id": officer.user_id}
    hired = (await admin.get(f"/admin/users/{officer.user_id}")).json()
    assert (hired["full_name"], hired["id_document"]) == ("Nia", "*****")
    path = f"/admin/users/{officer.user_id}"
    promotion = waiting(await admin.put(path, {"role": "admin"}))
    blocked = await admin.put(path, {"status": "blocked"})
    assert blocked.json()["status"] == "blocked", "blocking is for one, and at once"
    assert await void(other, promotion) == "ground_changed"
    assert refusal(await other.put(f"/admin/users/{other.user_id}", {"role": "officer"})) == (
        FOUR_EYES
    )
    customer = {"email": f"c-{email}", "password": PASSWORD, "role": "customer"}
    assert (await admin.post("/admin/users", customer)).status_code == 201


async def test_the_default_limit_is_a_million_in_development(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account()
    body = {"account_id": account["account_id"], "amount": 1_000_000}
    assert "transaction_id" in (await admin.post("/transactions/credit", body)).json()
    other = await customer.open_account()
    body = {"account_id": other["account_id"], "amount": "1000000.01"}
    waiting(await admin.post("/transactions/credit", body))


async def test_a_charge_by_hand_above_the_limit_is_approved_by_another(branch):
    customer, officer, admin = await branch.people("customer", "officer", "admin")
    await customer.open_account(10)
    applied = await customer.post("/loans/apply", {"amount": 12_000, "tenure_months": 12})
    path = f"/loans/{applied.json()['loan_id']}"
    charge = {"kind": "survey", "amount": 950, "tax_percent": 18, "on": "disbursal"}
    proposal = waiting(await officer.post(f"{path}/charges", {**charge, "reason": "A castle"}))
    assert (await customer.get(path)).json()["processing_fee"] == 0
    assert (await approved(admin, proposal))["status"] == "approved"
    assert (await customer.get(path)).json()["processing_fee"] == 1_121
