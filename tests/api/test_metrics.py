"""What the processes tell Prometheus: the API and the worker, and the same backlog from both."""

import asyncio
from math import isnan

import httpx2
import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from core.foundation.cache import connect
from core.foundation.database import Database
from core.foundation.jobs import Jobs
from core.transactions.backlog import BacklogGauges
from tests.bank import Bank
from tests.quiet import Quiet

Sample = tuple[str, frozenset[tuple[str, str]]]


async def scrape(url: str) -> dict[Sample, float]:
    async with httpx2.AsyncClient(timeout=10) as client:
        text = (await client.get(url)).raise_for_status().text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: dict[Sample, float], name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


@pytest.fixture
def urls(bank: Bank) -> tuple[str, str]:
    port = bank.system.settings.worker_metrics_port
    return f"{bank.system.url}/metrics", f"http://127.0.0.1:{port}/metrics"


async def test_what_is_submitted_settled_and_failed_is_counted_and_timed_by_stage(
    bank: Bank, urls: tuple[str, str]
) -> None:
    anna, bert = await bank.customer(), await bank.customer()
    own, other = await anna.open_account(100), await bert.open_account()
    before = [await scrape(url) for url in urls]

    # When a payment is made, and two of which the account covers only the first
    assert (await anna.transfer(other, 10)).status_code == 200
    item = {"from_account": own["account_number"], "to_account": other["account_number"]}
    answer = await anna.post("/transactions/batch", {"items": [{**item, "amount": 60}] * 2})
    ends = [(await anna.final(item["transaction_id"]))["status"] for item in answer.json()["items"]]
    assert ends == ["success", "failed"]

    api, worker = [
        {key: value - then.get(key, 0.0) for key, value in (await scrape(url)).items()}
        for url, then in zip(urls, before, strict=True)
    ]
    assert of(api, "giro_transactions_submitted_total", type="transfer") == 3
    assert of(worker, "giro_transactions_settled_total", type="transfer") == 2
    failed = {"type": "transfer", "code": "insufficient_funds"}
    assert of(worker, "giro_transactions_failed_total", **failed) == 1
    assert of(worker, "giro_settlement_batch_size_sum") >= 3
    assert of(worker, "giro_time_to_final_seconds_count") >= 1
    for stage in (
        "authenticate", "check_sessions", "read_body", "accept", "find_accounts", "check",
        "commit_pending", "reply",
    ):  # fmt: skip
        assert of(api, "giro_stage_seconds_count", stage=stage) >= 1, stage
    for stage in (
        "claim_read", "lock_rows", "read_pending", "decide", "write_states", "write_postings",
        "write_balances", "book", "log", "announce",
    ):  # fmt: skip
        assert of(worker, "giro_stage_seconds_count", stage=stage) >= 1, stage


async def test_both_processes_tell_the_backlog(urls: tuple[str, str]) -> None:
    for url in urls:
        samples = await scrape(url)
        for name in ("giro_transactions_pending", "giro_oldest_pending_seconds"):
            assert samples[name, frozenset()] >= 0
        for queue in ("settlement", "lending"):
            assert samples["giro_queue_depth", frozenset({("queue", queue)})] >= 0


def told(name: str, **labels: str) -> float:
    value = REGISTRY.get_sample_value(name, labels)
    assert value is not None
    return value


async def test_the_backlog_is_what_waits_and_how_long(quiet: Quiet) -> None:
    # Given two payments that nobody settles, and a ring that nobody answers
    anna, bert = await quiet.account(1_000), await quiet.account()
    jobs = Jobs(quiet.redis, quiet.settings.redis_url)
    gauges = BacklogGauges(quiet.database, jobs)
    await quiet.transfer(anna, bert, 1)
    await asyncio.sleep(0.2)
    await quiet.transfer(anna, bert, 1)
    await jobs.ring()
    await gauges.refresh()
    assert told("giro_transactions_pending") == 2
    assert told("giro_queue_depth", queue="settlement") == 1
    assert 0.2 <= told("giro_oldest_pending_seconds") < 60
    # When they are settled and the queue is emptied
    await quiet.settler().drain()
    await quiet.redis.flushdb()
    await gauges.refresh()
    jobs.close()
    assert told("giro_transactions_pending") == 0
    assert told("giro_oldest_pending_seconds") == 0
    assert told("giro_queue_depth", queue="settlement") == 0


async def test_a_store_that_is_down_makes_its_figures_unknown_and_not_zero() -> None:
    nowhere = "redis://127.0.0.1:1/0"
    redis = connect(nowhere)
    database = Database("postgresql://nobody@127.0.0.1:1/none", name="test", timeout_seconds=1)
    jobs = Jobs(redis, nowhere)
    await BacklogGauges(database, jobs).refresh()
    jobs.close()
    await redis.aclose()
    await database.close()
    assert isnan(told("giro_transactions_pending"))
    assert isnan(told("giro_oldest_pending_seconds"))
    assert isnan(told("giro_queue_depth", queue="settlement"))
