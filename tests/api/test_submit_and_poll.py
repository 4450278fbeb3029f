"""Submit, wait or poll, repeat safely."""

import asyncio
import time

import pytest

from tests.bank import Bank


async def test_a_submit_answers_where_and_when_to_poll(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    await payer.open_account(10)
    other = await payee.open_account()
    body = {"to_account": other["account_number"], "amount": 1}
    submitted = await payer.post("/transactions/transfer", body)
    transaction_id = submitted.json()["transaction_id"]
    assert submitted.status_code == 202
    assert submitted.headers["location"] == f"/transactions/{transaction_id}"
    assert submitted.headers["retry-after"] == "1"
    assert "preference-applied" not in submitted.headers
    for _ in range(200):
        polled = await payer.get(submitted.headers["location"])
        if polled.json()["status"] != "pending":
            break
        await asyncio.sleep(0.05)
    assert polled.json()["status"] == "success"
    assert polled.json()["settled_at"].endswith("Z")


async def test_a_submit_that_waits_answers_the_end(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    await payer.open_account(10)
    answer = await payer.transfer(await payee.open_account(), 1, headers={"Prefer": "wait=20"})
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.json()["status"] == "success"
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=20", "wait=20"),
        ("WAIT = 20", "wait=20"),
        ('respond-async, wait="20"', "wait=20"),
        ("wait=20; foo", "wait=20"),
        ("wait=600", "wait=30"),
        ("wait=0", "wait=0"),
        ("wait=20, wait=1", "wait=20"),
        ("wait=-1", None),
        ("wait=soon", None),
        ("wait", None),
        ("nothing=1", None),
        ("", None),
    ],
)
async def test_preferences_are_read_as_the_rfc_wants(
    bank: Bank, prefer: str, applied: str | None
) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    await payer.open_account(10)
    answer = await payer.transfer(await payee.open_account(), 1, headers={"Prefer": prefer})
    assert answer.headers.get("preference-applied") == applied
    assert answer.status_code == (202 if applied in {None, "wait=0"} else 200)


async def test_preferences_may_come_in_headers_of_their_own(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    await payer.open_account(10)
    body = {"to_account": (await payee.open_account())["account_number"], "amount": 1}
    headers = [
        ("Authorization", f"Bearer {payer.token}"), ("Prefer", "respond-async"),
        ("Prefer", "wait=20"),
    ]  # fmt: skip
    answer = await bank.client.post("/transactions/transfer", json=body, headers=headers)
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=20")


async def test_a_wait_that_runs_out_answers_pending(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    await payer.open_account(10)
    other = await payee.open_account()
    with bank.worker_stopped():
        started = time.monotonic()
        answer = await payer.transfer(other, 1, headers={"Prefer": "wait=1"})
        assert 0.9 < time.monotonic() - started < 5
        assert (answer.status_code, answer.json()["status"]) == (202, "pending")
        assert answer.headers["preference-applied"] == "wait=1"
        assert answer.headers["retry-after"] == "1"
        polled = await payer.get(answer.headers["location"], headers={"Prefer": "wait=1"})
        assert (polled.status_code, polled.json()["status"]) == (200, "pending")
        assert polled.json()["settled_at"] is None
        assert polled.headers["retry-after"] == "1"
    assert (await payer.final(answer.json()["transaction_id"]))["status"] == "success"


async def test_one_key_makes_one_transaction(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    account, other = await payer.open_account(100), await payee.open_account()
    body = {"to_account": other["account_number"], "amount": 1}
    headers = {"Idempotency-Key": "rent of May"}
    answers = await asyncio.gather(
        *(payer.post("/transactions/transfer", body, headers=headers) for _ in range(50))
    )
    ids = {answer.json()["transaction_id"] for answer in answers}
    assert len(ids) == 1
    assert [a.headers.get("idempotent-replayed") for a in answers].count("true") == 49
    (transaction_id,) = ids
    assert (await payer.final(transaction_id))["status"] == "success"
    replay = await payer.post("/transactions/transfer", body, headers=headers)
    assert (replay.status_code, replay.json()["status"]) == (200, "success")
    assert replay.headers["idempotent-replayed"] == "true"
    assert await payer.balance(account) == 99


async def test_a_key_belongs_to_its_user_its_body_and_its_endpoint(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    account, other = await payer.open_account(100), await payee.open_account(100)
    key = {"Idempotency-Key": "k"}
    body = {"to_account": other["account_number"], "amount": 1}
    first = await payer.post("/transactions/transfer", body, headers=key)
    changed = await payer.post("/transactions/transfer", {**body, "amount": 2}, headers=key)
    moved = await payer.post("/transactions/withdrawal", {"amount": 1}, headers=key)
    for reused in (changed, moved):
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    back = {"to_account": account["account_number"], "amount": 1}
    others = await payee.post("/transactions/transfer", back, headers=key)
    assert others.status_code == 202
    assert others.json()["transaction_id"] != first.json()["transaction_id"]


async def test_the_same_amount_written_otherwise_is_the_same_body(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    await payer.open_account(100)
    to = (await payee.open_account())["account_number"]
    key = {"Idempotency-Key": "k"}
    ids = set()
    for amount in (10, "10.00", 10.0):
        body = {"amount": amount, "to_account": to}
        answer = await payer.post("/transactions/transfer", body, headers=key)
        ids.add(answer.json()["transaction_id"])
    assert len(ids) == 1


async def test_the_key_may_stand_in_the_body(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    await payer.open_account(100)
    body = {"to_account": (await payee.open_account())["account_number"], "amount": 1}
    keyed = {**body, "idempotency_key": "k1"}
    first = await payer.post("/transactions/transfer", keyed)
    header = {"Idempotency-Key": "k1"}
    second = await payer.post("/transactions/transfer", body, headers=header)
    both = await payer.post("/transactions/transfer", keyed, headers=header)
    assert len({answer.json()["transaction_id"] for answer in (first, second, both)}) == 1
    differ = await payer.post("/transactions/transfer", keyed, headers={"Idempotency-Key": "k2"})
    assert differ.status_code == 422
    assert differ.json()["errors"][0]["field"] == "idempotency_key"


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside", "line\nbreak", 7])
async def test_keys_are_1_to_255_printable_characters(bank: Bank, key: object) -> None:
    payer = await bank.customer()
    await payer.open_account(10)
    answer = await payer.post("/transactions/withdrawal", {"amount": 1, "idempotency_key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "idempotency_key"


async def test_a_key_of_255_characters_is_kept_whole(bank: Bank) -> None:
    payer = await bank.customer()
    await payer.open_account(10)
    one, two = "k" * 254 + "1", "k" * 254 + "2"
    ids = []
    for key in (one, two, one):
        body = {"amount": 1, "idempotency_key": key}
        ids.append((await payer.post("/transactions/withdrawal", body)).json()["transaction_id"])
    assert ids[0] == ids[2] != ids[1]


async def test_a_refused_submit_leaves_its_key_free(bank: Bank) -> None:
    payer = await bank.customer()
    await payer.open_account(1)
    key = {"Idempotency-Key": "again"}
    body = {"amount": 5}
    refused = await payer.post("/transactions/withdrawal", body, headers=key)
    assert refused.json()["code"] == "insufficient_funds"
    await payer.post("/transactions/deposit", {"amount": 10}, headers={"Prefer": "wait=20"})
    assert (await payer.post("/transactions/withdrawal", body, headers=key)).status_code == 202


async def test_a_key_replays_a_transaction_whose_record_was_hidden(bank: Bank) -> None:
    payer, admin = await bank.customer(), await bank.admin()
    await payer.open_account(10)
    headers = {"Idempotency-Key": "k", "Prefer": "wait=20"}
    first = await payer.post("/transactions/withdrawal", {"amount": 1}, headers=headers)
    transaction_id = first.json()["transaction_id"]
    assert (await admin.delete(f"/transactions/{transaction_id}")).status_code == 204
    replay = await payer.post("/transactions/withdrawal", {"amount": 1}, headers=headers)
    assert (replay.status_code, replay.headers["idempotent-replayed"]) == (200, "true")
    assert replay.json() == {"transaction_id": transaction_id, "status": "success"}


async def test_a_batch_is_repeated_safely_too(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    await payer.open_account(100)
    to = (await payee.open_account())["account_number"]
    body = {"items": [{"to_account": to, "amount": 1}, {"to_account": to, "amount": 2}]}
    key = {"Idempotency-Key": "payroll"}
    answers = [await payer.post("/transactions/batch", body, headers=key) for _ in range(2)]
    assert len({answer.json()["batch_id"] for answer in answers}) == 1
    assert answers[1].headers["idempotent-replayed"] == "true"
    other = {"items": body["items"][:1]}
    reused = await payer.post("/transactions/batch", other, headers=key)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_batch_of_a_thousand_settles_to_the_last(bank: Bank) -> None:
    payer, payee = await bank.customer(), await bank.customer()
    source, target = await payer.open_account(100), await payee.open_account()
    item = {"to_account": target["account_number"], "amount": "0.10"}
    answer = await payer.post("/transactions/batch", {"items": [item] * 1_000})
    batch = answer.json()
    assert (answer.status_code, batch["accepted"], batch["rejected"]) == (202, 1_000, 0)
    assert [item["index"] for item in batch["items"]] == list(range(1_000))
    assert len({item["transaction_id"] for item in batch["items"]}) == 1_000
    await payer.final(batch["items"][-1]["transaction_id"])  # one account's settle in order
    shown = (await payer.get(f"/transactions/batch/{batch['batch_id']}")).json()
    assert {item["status"] for item in shown["items"]} == {"success"}
    assert shown["counts"] == {"pending": 0, "success": 1_000, "failed": 0}
    assert (await payer.balance(source), await payee.balance(target)) == (0, 100)


async def test_what_is_clear_at_once_is_refused_at_once(bank: Bank) -> None:
    payer = await bank.customer()
    empty = await payer.post("/transactions/withdrawal", {"amount": 1})
    assert (empty.status_code, empty.json()["code"]) == (400, "no_account")
    account = await payer.open_account(10)
    yen = await payer.open_account(10, currency="JPY")
    own = account["account_number"]
    for body, status, code in (
        ({"to_account": own, "amount": 1}, 400, "same_account"),
        ({"to_account": yen["account_number"], "amount": 1}, 400, "currency_mismatch"),
        ({"to_account": "0000000000", "amount": 1}, 404, "account_not_found"),
        ({"to_account": yen["account_id"], "amount": 1}, 400, "currency_mismatch"),
    ):
        answer = await payer.post("/transactions/transfer", body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_transaction_shape_leaves_no_key_out(bank: Bank) -> None:
    payer = await bank.customer()
    await payer.open_account(10)
    body = {"amount": 1, "payee": "City Power", "reference": "INV-7"}
    submitted = await payer.post("/transactions/payment", body)
    reference = submitted.json()["payment_ref"]
    assert reference.startswith("payment")
    payment = await payer.final(submitted.json()["transaction_id"])
    assert payment["payment_ref"] == reference
    assert payment["reference"] == "INV-7"
    assert set(
        "transaction_id type status amount currency from_account to_account description reference "
        "payment_ref failure_code failure_reason reverses reversed_by batch_id loan_id created_at "
        "settled_at".split()
    ) <= set(payment)
    assert payment["to_account"] is None
    second = await payer.post("/transactions/payment", body)
    number = int(second.json()["payment_ref"].removeprefix("payment"))
    assert number > int(reference.removeprefix("payment"))


async def test_a_payee_learns_of_a_transfer_once_it_is_paid(bank: Bank) -> None:
    payer, payee, admin = await bank.customer(), await bank.customer(), await bank.admin()
    source, target = await payer.open_account(10), await payee.open_account()
    await admin.put(f"/accounts/{target['account_id']}/freeze")
    refused = await payer.transfer(target, 1)
    assert refused.json()["code"] == "account_frozen"
    await admin.put(f"/accounts/{target['account_id']}/unfreeze")
    body = {"items": [{"to_account": target["account_number"], "amount": 8}] * 2}
    batch = (await payer.post("/transactions/batch", body)).json()
    paid, failed = [item["transaction_id"] for item in batch["items"]]
    assert (await payer.final(paid))["status"] == "success"
    assert (await payer.final(failed))["failure_code"] == "insufficient_funds"

    assert (await payee.get(f"/transactions/{paid}")).status_code == 200
    assert (await payee.get(f"/transactions/{failed}")).status_code == 404
    seen = (await payee.get("/transactions")).json()["items"]
    assert [item["transaction_id"] for item in seen] == [paid]
    assert (await payer.balance(source)) == 2
