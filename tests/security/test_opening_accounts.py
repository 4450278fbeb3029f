"""Opening accounts makes no money by itself, and no more of them than the bank can bear."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from ops.run import processes
from tests.bank import Bank, Person
from tests.security.staff import refusal
from tests.system import System


@pytest.fixture(scope="module")
async def counter(bank: Bank) -> AsyncIterator[httpx2.AsyncClient]:
    """An API whose customers go to the counter with their cash, and have few accounts."""
    changes = {"self_service_cash": False, "max_accounts": 3, "max_open_applications": 2}
    system = System(bank.system.settings.model_copy(update=changes))
    system.spawn("api", processes.api("127.0.0.1", system.port))
    system.wait_until_ready(system.port)
    async with httpx2.AsyncClient(base_url=system.url, timeout=30) as client:
        yield client
    system.stop()


def at(counter: httpx2.AsyncClient, person: Person) -> Person:
    """The same person, there."""
    return Person(counter, person.user_id, person.email, person.token)


async def test_with_the_cash_desk_closed_nobody_opens_with_cash_of_his_own(
    bank: Bank, counter: httpx2.AsyncClient
) -> None:
    customer = at(counter, await bank.customer())
    refused = await customer.post("/accounts", {"initial_deposit": 1})
    assert refusal(refused) == (400, "self_service_cash_off")
    refused = await customer.post("/accounts/open", {"initial_deposit": "0.01"})
    assert refusal(refused) == (400, "self_service_cash_off")
    for empty in ({}, {"initial_deposit": 0}):
        assert (await customer.post("/accounts", empty)).json()["balance"] == 0


@pytest.mark.parametrize("role", ["officer", "admin"])
async def test_staff_take_the_cash_at_the_counter_and_that_is_written_down(
    bank: Bank, counter: httpx2.AsyncClient, role: str
) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    staff = at(counter, await (bank.officer() if role == "officer" else bank.admin()))
    body = {"owner_id": customer.user_id, "initial_deposit": "75.50", "nickname": "First"}
    opened = await staff.post("/accounts", body)
    assert opened.status_code == 201
    account = opened.json()
    assert (account["owner_id"], account["balance"]) == (customer.user_id, 75.5)
    assert await customer.balance(account) == 75.5
    params = {"subject_id": account["account_id"]}
    (entry,) = (await admin.get("/admin/audit", params=params)).json()["items"]
    assert (entry["action"], entry["actor_id"]) == ("account.open", staff.user_id)
    assert entry["details"]["initial_deposit"] == "75.5"
    (movement,) = (await customer.get("/transactions")).json()["items"]
    assert (movement["type"], movement["amount"]) == ("deposit", 75.5)


async def test_only_staff_open_for_others_and_only_for_others(bank: Bank) -> None:
    customer, other, officer = await bank.customer(), await bank.customer(), await bank.officer()
    mine = await customer.post("/accounts", {"owner_id": customer.user_id})
    assert mine.status_code == 201
    assert refusal(await customer.post("/accounts", {"owner_id": other.user_id})) == (
        403,
        "forbidden",
    )
    assert refusal(await officer.post("/accounts", {})) == (403, "forbidden")
    nobody = {"owner_id": "01a1fbd0-fb18-718f-8d55-c9ff1c77bbad"}
    assert refusal(await officer.post("/accounts", nobody)) == (404, "user_not_found")
    own = {"owner_id": officer.user_id, "initial_deposit": 9_999}
    assert refusal(await officer.post("/accounts", own)) == (409, "four_eyes")


async def test_a_repeated_opening_opens_one_account(bank: Bank) -> None:
    customer = await bank.customer()
    body, headers = {"initial_deposit": 10}, {"Idempotency-Key": "my first"}
    many = await asyncio.gather(
        *(customer.post("/accounts", body, headers=headers) for _ in range(10))
    )
    assert {answer.status_code for answer in many} == {201}
    assert len({answer.json()["account_id"] for answer in many}) == 1
    assert sum(answer.headers.get("idempotent-replayed") == "true" for answer in many) == 9
    other = await customer.post("/accounts", {"initial_deposit": 11}, headers=headers)
    assert refusal(other) == (422, "idempotency_key_reused")
    transfer = {"to_account": "1000000019", "amount": 1}
    other = await customer.post("/transactions/transfer", transfer, headers=headers)
    assert refusal(other) == (422, "idempotency_key_reused")
    assert len((await customer.get("/accounts")).json()["items"]) == 1


async def test_a_customer_has_so_many_accounts_and_no_more(
    bank: Bank, counter: httpx2.AsyncClient
) -> None:
    customer, admin = at(counter, await bank.customer()), at(counter, await bank.admin())
    answers = await asyncio.gather(*(customer.post("/accounts", {}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"too_many"}
    at_the_counter = await admin.post("/accounts", {"owner_id": customer.user_id})
    assert refusal(at_the_counter) == (409, "too_many")
    opened = next(answer.json() for answer in answers if answer.status_code == 201)
    await admin.delete(f"/accounts/{opened['account_id']}")
    assert (await customer.post("/accounts", {})).status_code == 201, "a closed one makes room"


async def test_a_customer_has_so_many_open_applications_and_no_more(
    bank: Bank, counter: httpx2.AsyncClient
) -> None:
    customer = at(counter, await bank.customer())
    await customer.post("/accounts", {})
    wanted = {"amount": 100, "tenure_months": 12}
    answers = await asyncio.gather(*(customer.post("/loans/apply", wanted) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [409] * 4
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"too_many"}
    pending = next(answer.json() for answer in answers if answer.status_code == 201)
    await customer.post(f"/loans/{pending['loan_id']}/withdraw")
    assert (await customer.post("/loans/apply", wanted)).status_code == 201
