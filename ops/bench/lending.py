"""The business day: instalments collected per second end to end, and loans closed per second.

Two databases of their own: loans of which all fall due on the closed date, and loans of which none
does. The process that closes and one worker settle together, as a small bank would run it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from time import perf_counter
from typing import Final

import asyncpg

from core.business_day.close import run_job
from core.business_day.desk import Desk
from core.business_day.runs import CLOSE_DAY
from core.foundation.config import Settings
from core.ledger.chart import LedgerCode
from core.ledger.moment import read_moment
from core.lending.amortisation import add_months
from core.lending.origination import catalogue
from core.lending.origination.products import ProductTerms
from core.transactions.intake import Intake
from core.transactions.journal import JournalEntry, book_journal
from ops.bench import engine, seed
from ops.bench.plan import Plan
from ops.embedded import EmbeddedServers
from worker.desk import desk
from worker.runtime import Runtime

Connection = asyncpg.Connection
PRINCIPAL_MINOR: Final = 1_200_000
INTEREST_MINOR: Final = 12_000
INSTALMENTS: Final = 12
START: Final = date(2020, 1, 15)
# Idle loans are closed in the middle of their first period.
IDLE_FROM: Final = START + timedelta(days=3)
LOANS_A_BORROWER: Final = 10

_LOANS = """
INSERT INTO loans (id, user_id, account_id, product_code, status, currency, amount_minor,
  interest_rate, tenure_months, terms, emi_minor, monthly_emi_minor, applied_at, disbursed_at,
  disbursed_on, principal_disbursed_minor, principal_outstanding_minor, schedule_version,
  period_start, period_end, period_interest_minor, oldest_unpaid_on)
SELECT gen_random_uuid(), owner_id, id, 'standard', 'active', currency, $1::bigint, 12, $2::int,
  $3::jsonb, $4::bigint, $4::bigint, now(), now(), $5::date, $1, $1, 1, $5, $6::date, $7::bigint,
  $6
FROM accounts CROSS JOIN generate_series(1, $8::int)
"""
_INSTALMENTS = """
INSERT INTO loan_instalments (loan_id, version, number, period_start, due_date, opening_minor,
                              principal_minor, interest_minor, accrues_minor, next_attempt_on)
SELECT l.id, 1, d.number, d.starts, d.due, l.amount_minor * (1 + $4::int - d.number) / $4,
       l.amount_minor / $4, $3::bigint, $3::bigint, d.due
FROM loans l CROSS JOIN unnest($1::date[], $2::date[]) WITH ORDINALITY AS d (starts, due, number)
"""


@dataclass(frozen=True)
class Loans:
    """The two databases."""

    due: Settings
    idle: Settings


async def prepare(servers: EmbeddedServers, plan: Plan) -> Loans:
    """Create both databases with their loans."""
    due = await engine.create(servers, "bench_due", 2)
    idle = await engine.create(servers, "bench_idle", 3)
    await _fill(due, borrowers=plan.due_loans, loans_each=1)
    await _fill(idle, borrowers=plan.idle_loans // LOANS_A_BORROWER, loans_each=LOANS_A_BORROWER)
    async with _runtime(due) as runtime:
        await runtime.settler.drain()  # the borrowers' opening deposits
    return Loans(due, idle)


async def collect(loans: Loans, plan: Plan, number: int) -> float:
    """Close the due date of the round; instalments collected per second, end to end."""
    day = add_months(START, number)
    alone = engine.Engine(loans.due, ())
    async with _runtime(loans.due) as runtime, engine.workers(alone, 1) as started:
        bell = _Bell(started[0])
        begun = perf_counter()
        run = await run_job(_desk(runtime, bell), CLOSE_DAY, day)
        seconds = perf_counter() - begun
        await bell.silence()
    if run.failed or run.done != plan.due_loans:
        raise RuntimeError(f"{run.failed} of {run.done} instalments were not collected")
    return plan.due_loans / seconds


async def close_idle(loans: Loans, plan: Plan, number: int) -> float:
    """Close a day on which nothing is due; loans closed per second."""
    async with _runtime(loans.idle) as runtime:
        begun = perf_counter()
        day = IDLE_FROM + timedelta(days=number)
        run = await run_job(desk(runtime, helpers=False), CLOSE_DAY, day)
        seconds = perf_counter() - begun
    return run.done / seconds if plan.idle_loans else 0.0


class _Bell:
    """Tells one worker to settle, again if it was told while it settled."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._going: asyncio.Task[None] | None = None

    def ring(self, request_id: str | None = None) -> None:  # noqa: ARG002 - the bell's signature
        """Send the worker off, unless it is under way."""
        if self._going is None or self._going.done():
            self._going = asyncio.create_task(engine.go(self._process))

    async def silence(self) -> None:
        """Wait until the worker is back."""
        if self._going is not None:
            await self._going


def _desk(runtime: Runtime, bell: _Bell) -> Desk:
    ringing = replace(runtime, intake=Intake(runtime.database, bell))
    return desk(ringing, helpers=False)


@asynccontextmanager
async def _runtime(settings: Settings) -> AsyncIterator[Runtime]:
    runtime = Runtime.start(settings.as_worker(), name="bench")
    try:
        yield runtime
    finally:
        await runtime.close()


async def _fill(settings: Settings, *, borrowers: int, loans_each: int) -> None:
    """Borrowers with an account and running loans, opened against the bank's equity."""
    dues = [add_months(START, number) for number in range(INSTALMENTS + 1)]
    connection = await asyncpg.connect(settings.owner_url)
    try:
        async with connection.transaction():
            owners = await seed.customers(connection, borrowers)
            accounts = await seed.accounts(connection, owners, borrowers, settings)
            await seed.pending_deposits(connection, accounts, settings)
            emi = PRINCIPAL_MINOR // INSTALMENTS + INTEREST_MINOR
            await connection.execute(
                _LOANS, PRINCIPAL_MINOR, INSTALMENTS, catalogue.dump(ProductTerms()), emi, START,
                dues[1], INTEREST_MINOR, loans_each,
            )  # fmt: skip
            await connection.execute(_INSTALMENTS, dues[:-1], dues[1:], INTEREST_MINOR, INSTALMENTS)
            total = PRINCIPAL_MINOR * borrowers * loans_each
            legs = ((LedgerCode.LOANS_RECEIVABLE, -total), (LedgerCode.EQUITY, total))
            opening = JournalEntry("opening", settings.default_currency, legs, START)
            await book_journal(connection, [opening], await read_moment(connection))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
