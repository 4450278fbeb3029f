"""What staff do is written down; failed jobs are seen and tried again."""

from core.foundation import clock
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.foundation.jobs import SETTLE_ACTOR, SETTLEMENT_QUEUE
from core.operations.failed_jobs import record_failure
from tests.bank import Bank


async def test_movements_by_hand_and_reversals_are_audited(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account()
    body = {"account_id": account["account_number"], "amount": "5.50", "description": "Sorry"}
    headers = {"Prefer": "wait=20", "Idempotency-Key": "goodwill"}
    credit = (await admin.post("/transactions/credit", body, headers=headers)).json()
    again = await admin.post("/transactions/credit", body, headers=headers)
    assert again.json()["transaction_id"] == credit["transaction_id"]
    path = f"/transactions/{credit['transaction_id']}/reverse"
    reversal = (await admin.post(path, headers={"Prefer": "wait=20"})).json()
    params = {"subject_id": credit["transaction_id"]}
    log = (await admin.get("/admin/audit", params=params)).json()["items"]
    assert [(entry["action"], entry["details"]) for entry in log] == [
        ("transaction.reverse", {"reversal": reversal["transaction_id"]}),
        ("transaction.credit", {"account": account["account_number"], "amount": "5.5"}),
    ]
    assert {entry["actor_id"] for entry in log} == {admin.user_id}


async def test_standing_of_accounts_is_audited(bank: Bank) -> None:
    customer, admin = await bank.customer(), await bank.admin()
    account = await customer.open_account()
    path = f"/accounts/{account['account_id']}"
    await admin.put(f"{path}/overdraft", {"overdraft_limit": 10})
    await admin.put(f"{path}/freeze")
    await admin.put(f"{path}/unfreeze")
    await admin.delete(path)
    params = {"subject_id": account["account_id"]}
    log = (await admin.get("/admin/audit", params=params)).json()["items"]
    assert [entry["action"] for entry in log] == [
        "account.close", "account.unfreeze", "account.freeze", "account.overdraft"
    ]  # fmt: skip


async def test_a_failed_job_is_listed_and_queued_again_once(bank: Bank) -> None:
    admin = await bank.admin()
    job_id = new_id()
    database = Database.from_settings(bank.system.settings.as_worker(), name="test")
    await record_failure(
        database,
        job_id=job_id,
        queue=SETTLEMENT_QUEUE,
        actor=SETTLE_ACTOR,
        args=[],
        error="ConnectionError: it was a bad day",
        request_id="r-1",
        failed_at=clock.now(),
    )
    await database.close()
    (listed,) = (await admin.get("/admin/jobs")).json()["failed_jobs"]
    assert listed["job_id"] == str(job_id)
    assert (listed["actor"], listed["queue"]) == (SETTLE_ACTOR, SETTLEMENT_QUEUE)
    assert listed["error"].startswith("ConnectionError")
    retried = await admin.post(f"/admin/jobs/{job_id}/retry")
    assert (retried.status_code, retried.json()["status"]) == (202, "queued")
    again = await admin.post(f"/admin/jobs/{job_id}/retry")
    assert (again.status_code, again.json()["code"]) == (404, "job_not_found")
    assert (await admin.get("/admin/jobs")).json()["failed_jobs"] == []
