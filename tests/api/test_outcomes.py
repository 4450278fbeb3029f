"""The database is lost around a commit: what was accepted is never said not to be."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx2
import pytest

from core.foundation.database import Database
from core.foundation.ids import new_id
from tests.api.test_stores_down import api_with
from tests.bank import Bank, Person
from tests.system import free_port
from tests.transactions.wire import Wire

NEW_ACCOUNT = "SELECT count(*) FROM accounts WHERE owner_id = $1"


class Branch:
    """An API that reaches the bank's database over a wire that breaks when told to."""

    def __init__(self, wire: Wire, client: httpx2.AsyncClient, bank: Bank) -> None:
        self.wire = wire
        self.client = client
        self.bank = bank

    async def post(self, person: Person, path: str, body: Any, **headers: str) -> httpx2.Response:
        return await self.client.post(path, json=body, headers=signed(person, headers))

    async def put(self, person: Person, path: str, body: Any) -> httpx2.Response:
        return await self.client.put(path, json=body, headers=signed(person, {}))

    async def ask(self, query: str, *args: Any) -> Any:
        """One value from the database, past the wire."""
        connection = await asyncpg.connect(self.bank.system.settings.database_url)
        try:
            return await connection.fetchval(query, *args)
        finally:
            await connection.close()

    async def until(self, query: str, *args: Any) -> None:
        """Wait for a value that is not 0."""
        while not await self.ask(query, *args):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


def signed(person: Person, headers: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}", **headers}


@pytest.fixture(scope="module")
async def over_wire(bank: Bank) -> AsyncIterator[Branch]:
    async with (
        Wire.open(bank.system.settings.database_url) as wire,
        api_with(bank, database_url=wire.url, database_timeout_seconds=2) as client,
    ):
        yield Branch(wire, client, bank)
        # The wire lives in this loop, which stands still while the API is stopped.
        wire.break_down()
        await asyncio.sleep(0.05)


@pytest.fixture
async def branch(over_wire: Branch) -> AsyncIterator[Branch]:
    over_wire.wire.mend()
    yield over_wire
    over_wire.wire.mend()


def refuses_to_say(answer: httpx2.Response, *names: str) -> dict[str, Any]:
    """The problem, which must not say that nothing was accepted."""
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "outcome_unknown"), problem
    assert int(answer.headers["retry-after"]) > 0
    assert "nothing was accepted" not in answer.text
    assert all(problem[name] for name in names)
    return problem


async def test_a_transfer_on_disk_is_answered_202_though_it_cannot_be_read(
    bank: Bank, branch: Branch
) -> None:
    anna, bert = await bank.customer(), await bank.customer()
    await anna.open_account(10)
    to = await bert.open_account()
    mark = secrets.token_hex(8)
    body = {"to_account": to["account_number"], "amount": 1, "reference": mark}
    with bank.worker_stopped():
        # Given a customer who waits for the end of a transfer
        waiting = asyncio.create_task(
            branch.post(anna, "/transactions/transfer", body, Prefer="wait=2")
        )
        await branch.until("SELECT count(*) FROM transactions WHERE reference = $1", mark)
        # When the database goes away after the commit
        branch.wire.break_down()
        answer = await waiting
    # Then the answer is what was promised: accepted, and where to poll
    assert answer.status_code == 202, answer.text
    assert answer.headers["preference-applied"] == "wait=2"
    assert (await anna.final(answer.json()["transaction_id"]))["reference"] == mark


async def test_a_replay_that_cannot_be_read_is_answered_with_its_id(
    bank: Bank, branch: Branch
) -> None:
    anna = await bank.customer()
    await anna.open_account(10)
    body, key = {"amount": 1}, {"Idempotency-Key": secrets.token_hex(8)}
    first = await branch.post(anna, "/transactions/deposit", body, **key)
    await anna.final(first.json()["transaction_id"])
    branch.wire.lose_answer_to(b"LEFT JOIN transactions r ON r.reverses", for_good=True)
    await branch.post(anna, "/transactions/deposit", body, **key)
    branch.wire.mend()
    # The wire broke while the first replay was read; the second finds it broken there again.
    branch.wire.lose_answer_to(b"LEFT JOIN transactions r ON r.reverses", for_good=True)
    again = await branch.post(anna, "/transactions/deposit", body, **key)
    assert again.status_code == 200, again.text
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["transaction_id"] == first.json()["transaction_id"]


async def test_a_commit_that_is_never_answered_is_unknown_and_can_be_polled(
    bank: Bank, branch: Branch
) -> None:
    anna = await bank.customer()
    await anna.open_account(10)
    mark = secrets.token_hex(8)
    branch.wire.lose_answer_to(mark.encode(), for_good=True)
    answer = await branch.post(anna, "/transactions/deposit", {"amount": 1, "reference": mark})
    problem = refuses_to_say(answer, "transaction_id")
    assert (await anna.final(problem["transaction_id"]))["reference"] == mark


async def three_transfers(bank: Bank) -> tuple[Person, dict[str, Any]]:
    """A customer who can pay, and the batch in which she pays another three times."""
    anna, bert = await bank.customer(), await bank.customer()
    await anna.open_account(10)
    to = await bert.open_account()
    return anna, {"items": [{"to_account": to["account_number"], "amount": 1}] * 3}


async def test_a_batch_is_answered_by_what_was_committed_and_not_by_a_look_afterwards(
    bank: Bank, branch: Branch
) -> None:
    anna, body = await three_transfers(bank)
    branch.wire.lose_answer_to(b"FILTER (WHERE t.status = 'pending')", for_good=True)
    answer = await branch.post(anna, "/transactions/batch", body)
    assert answer.status_code == 202, answer.text
    batch = (await anna.get(answer.headers["location"])).json()
    assert [item["transaction_id"] for item in batch["items"]] == [
        item["transaction_id"] for item in answer.json()["items"]
    ]


async def test_a_batch_whose_commit_is_never_answered_is_unknown(
    bank: Bank, branch: Branch
) -> None:
    anna, body = await three_transfers(bank)
    branch.wire.lose_answer_to(b"COMMIT", for_good=True)
    problem = refuses_to_say(await branch.post(anna, "/transactions/batch", body), "batch_id")
    batch = await anna.get(f"/transactions/batch/{problem['batch_id']}")
    assert batch.json()["accepted"] == 3


async def test_an_account_whose_opening_lost_its_answer_is_found(
    bank: Bank, branch: Branch
) -> None:
    anna = await bank.customer()
    branch.wire.lose_answer_to(b"COMMIT")
    answer = await branch.post(anna, "/accounts", {"initial_deposit": 5})
    assert answer.status_code == 201, answer.text
    assert await anna.balance(answer.json()) == 5
    # And where nobody can look, nobody says that it was not opened
    branch.wire.lose_answer_to(b"COMMIT", for_good=True)
    problem = refuses_to_say(
        await branch.post(anna, "/accounts", {"initial_deposit": 7}), "account_id"
    )
    assert await anna.balance(problem) == 7
    assert await branch.ask(NEW_ACCOUNT, anna.user_id) == 2


async def test_an_approval_and_a_reversal_that_are_never_answered_are_unknown(
    bank: Bank, branch: Branch
) -> None:
    officer, admin = await bank.officer(), await bank.admin()
    anna = await bank.customer()
    await anna.open_account(10)
    applied = await anna.post(
        "/loans/apply", {"amount": 1000, "tenure_months": 12, "monthly_income": 9000}
    )
    loan = f"/loans/{applied.json()['loan_id']}"
    branch.wire.lose_answer_to(b"COMMIT", for_good=True)
    problem = refuses_to_say(
        await branch.put(officer, f"{loan}/approve", None), "transaction_id", "loan_id"
    )
    assert (await anna.final(problem["transaction_id"]))["type"] == "disbursement"

    deposit = await anna.post("/transactions/deposit", {"amount": 2})
    path = f"/transactions/{(await anna.final(deposit.json()['transaction_id']))['transaction_id']}"
    branch.wire.mend()
    branch.wire.lose_answer_to(b"COMMIT", for_good=True)
    problem = refuses_to_say(await branch.post(admin, f"{path}/reverse", None), "transaction_id")
    assert (await admin.final(problem["transaction_id"]))["type"] == "reversal"


async def test_a_change_of_a_loan_is_answered_from_its_own_unit_of_work(
    bank: Bank, branch: Branch
) -> None:
    officer, anna = await bank.officer(), await bank.customer()
    await anna.open_account(10)
    applied = await anna.post("/loans/apply", {"amount": 1000, "tenure_months": 12})
    loan = f"/loans/{applied.json()['loan_id']}"
    branch.wire.lose_answer_to(b"COMMIT")  # …and no read may be needed after it
    refuses_to_say(await branch.put(officer, loan, {"tenure_months": 24}))
    branch.wire.mend()
    changed = await branch.put(officer, loan, {"tenure_months": 18})
    assert (changed.status_code, changed.json()["tenure_months"]) == (200, 18)


async def test_a_job_that_cannot_be_queued_again_stays_to_be_retried(bank: Bank) -> None:
    admin = await bank.admin()
    job_id = new_id()
    database = Database.from_settings(bank.system.settings.as_worker(), name="test")
    async with database.unit_of_work() as unit:
        await unit.connection.execute(
            "INSERT INTO failed_jobs (id, queue, actor, args, error, failed_at)"
            " VALUES ($1, 'settlement', 'settle', '[]', 'broke', now())",
            job_id,
        )
        await unit.commit()
    await database.close()
    gone = f"redis://127.0.0.1:{free_port()}/0"
    async with api_with(bank, redis_url=gone) as client:
        path = f"/admin/jobs/{job_id}/retry"
        refused = await client.post(path, headers=signed(admin, {}))
        assert (refused.status_code, refused.json()["code"]) == (503, "redis_unavailable")
    again = await admin.post(f"/admin/jobs/{job_id}/retry")
    assert again.status_code == 202, again.text
