"""A whole run: one server, both systems, rounds in turn."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console

from core.foundation import clock
from core.foundation.config import Settings
from ops.bench import backlog, baseline, engine, http, lending, report, stages
from ops.bench.machine import describe
from ops.bench.plan import Plan
from ops.books import verify_books
from ops.embedded import EmbeddedServers, Urls
from ops.embedded.ports import free_port
from ops.run.output import Output
from ops.run.stack import Options, Stack
from ops.run.target import settings_of

UNLIMITED = "100000000/minute"
ENVIRONMENT: Mapping[str, str] = {
    # As a bank runs it, logs and all; what is measured is not how often one may come.
    "ENVIRONMENT": "production",
    "METRICS_OPEN": "true",  # what each stage takes is read from there
    "RATE_LIMIT_LOGIN": UNLIMITED,
    "RATE_LIMIT_PUBLIC": UNLIMITED,
    "RATE_LIMIT_USER": UNLIMITED,
    "ACCESS_TOKEN_EXPIRE_MINUTES": "600",
}


async def run(console: Console, plan: Plan, home: Path) -> dict[str, Any]:
    """Measure on a fresh system below `home`, which is deleted afterwards; all figures."""
    EmbeddedServers(home).destroy()
    options = Options(
        home=home,
        port=free_port(),
        workers=plan.workers,
        api_processes=plan.api_processes,
        own_stores=True,
        environment=ENVIRONMENT,
    )
    try:
        # The logs are read, as whoever runs the system would, and thrown away.
        with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230 - the device never blocks
            async with Stack(options, Output(nowhere), Settings()) as stack:
                urls = Urls(stack.run.database_urls, stack.run.redis_url)
                return await _measure(console, stack, settings_of(urls), plan)
    finally:
        await asyncio.to_thread(EmbeddedServers(home).destroy)


async def _measure(
    console: Console, stack: Stack, settings: Settings, plan: Plan
) -> dict[str, Any]:
    postgres = stack.servers.postgres
    machine = await asyncio.to_thread(describe, postgres)
    with phase(console, "filling pgbench's tables"):
        await baseline.prepare(postgres, plan)
    with phase(console, "opening accounts"):
        clients = await http.prepare(stack.run.api_url, settings, plan)
        alone = await engine.prepare(stack.servers, plan)
    with phase(console, "lending"):
        loans = await lending.prepare(stack.servers, plan)
    with phase(console, "warming up"):
        await http.warm_up(clients, plan)
        await baseline.measure(postgres, plan, plan.warm_up_seconds)
    bench = _Bench(console, stack, settings, plan, clients, alone, loans)
    rounds = [await bench.round(number) for number in range(1, plan.rounds + 1)]
    with phase(console, "checking the books"):
        checks = [
            check
            for books in (settings, alone.settings, loans.due, loans.idle, loans.late)
            for check in await verify_books(books)
        ]
    return {
        "measured_at": clock.now().isoformat(timespec="seconds"),
        "machine": machine,
        "plan": asdict(plan),
        "summary": report.summarise(rounds),
        "rounds": rounds,
        "checks": [
            {"name": c.name, "looked_at": c.looked_at, "breaches": c.breach_count} for c in checks
        ],
    }


def phase(console: Console, what: str) -> AbstractContextManager[object]:
    """Say what is being done: in place on a terminal, as a line in a log."""
    if console.is_terminal:
        return console.status(what)
    console.print(what, highlight=False)
    return nullcontext()


@dataclass(frozen=True)
class _Bench:
    """One run's parts, measured in turn."""

    console: Console
    stack: Stack
    settings: Settings
    plan: Plan
    clients: http.Clients
    alone: engine.Engine
    loans: lending.Loans

    async def round(self, number: int) -> dict[str, Any]:
        """Everything once, pgbench before and after the engine: its figure is the mean of both.

        A machine that others use changes its speed within a round.
        """
        plan, alone, transfers = self.plan, self.alone, self.plan.engine_transfers
        measured: dict[str, Any] = {}

        before = await self._stages()
        requests = http.singles(self.clients, plan)
        async with self._phase(number, "transfers over HTTP"):
            measured["http"] = await http.measure(self.clients, requests, plan.seconds)
        after = await self._stages()
        measured["stages"] = {
            name: stages.between(before[name], after[name], measured["http"]["accepted"])
            for name in after
        }
        before_engine = await self._pgbench(number)
        requests = http.batches(self.clients, plan)
        async with self._phase(number, "batches over HTTP"):
            measured["batch"] = await http.measure(self.clients, requests, plan.seconds)
        del requests
        uniform = engine.uniform_pairs(alone, transfers)
        async with self._phase(number, "engine alone, 1 worker"):
            measured["engine_1"] = await engine.measure(alone, uniform, 1)
        async with self._phase(number, "engine alone, several workers"):
            measured["engine_n"] = await engine.measure(alone, uniform, plan.engine_workers)
        async with self._phase(number, "engine alone, one hot account"):
            hot = engine.hot_pairs(alone, transfers)
            measured["engine_hot"] = await engine.measure(alone, hot, 1)
        measured["pgbench"] = mean((before_engine, await self._pgbench(number)))
        async with self._phase(number, "a business day with every loan due"):
            measured["emi"] = await lending.collect(self.loans, plan, number)
        async with self._phase(number, "a business day with no loan due"):
            measured["idle"] = await lending.close_idle(self.loans, plan, number)
        async with self._phase(number, "a business day with some loans due and some overdue"):
            measured["late"] = await lending.close_late(self.loans, plan, number)
        await backlog.until_drained(self.settings.auditor_url)
        self.console.print(
            f"round {number}: "
            + ", ".join(f"{key} {report.rate_of(measured[key]):,.0f}/s" for key in report.RATES),
            highlight=False,
            soft_wrap=True,
        )
        return measured

    async def _pgbench(self, number: int) -> float:
        plan = self.plan
        async with self._phase(number, "pgbench"):
            return await baseline.measure(self.stack.servers.postgres, plan, plan.seconds)

    @asynccontextmanager
    async def _phase(self, number: int, what: str) -> AsyncIterator[None]:
        """A measurement, after a checkpoint: none pays for what the one before it has written."""
        await asyncio.to_thread(self.stack.servers.postgres.execute, "CHECKPOINT")
        with phase(self.console, f"round {number} of {self.plan.rounds}: {what}"):
            yield

    async def _stages(self) -> dict[str, stages.Snapshot]:
        """The stages of the API (of one process, if there are several) and of all workers."""
        workers = [p for p in self.stack.run.processes if p.name.startswith("worker")]
        return {
            "API": await stages.snapshot([f"{self.stack.run.api_url}/metrics"]),
            "workers": await stages.snapshot(
                [f"http://127.0.0.1:{process.port}/metrics" for process in workers]
            ),
        }
