"""The business day: instalments collected per second end to end, and loans closed per second.

Three databases of their own: loans of which all fall due on the closed date, loans of which none
does, and loans as a bank has them, of which 3 % fall due and 6 % are overdue. The process that
closes and one worker settle together, as a small bank would run it.
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
# Of a bank's loans 3 in 100 begin on each of 30 days (what is left on the last of them), so that as
# many fall due on each of 30 days. What is overdue began a month before that: its first instalment
# was not paid, and is not tried again.
STAGGERED: Final = "least(place % 100 / 3, 29)"
OVERDUE: Final = "abs(hashint4(place)) % 100 < 6"
LATE_FROM: Final = add_months(START, 1)

_LOANS = f"""
WITH opened AS (
  SELECT owner_id, id, currency, (row_number() OVER (ORDER BY id, n))::int AS place
  FROM accounts CROSS JOIN generate_series(1, $7::int) AS n
), begun AS (
  SELECT *, CASE WHEN NOT $8 THEN $5::date
                 WHEN {OVERDUE} THEN ($5::date - interval '1 month')::date + {STAGGERED}
                 ELSE $5::date + {STAGGERED} END AS starts
  FROM opened
)
INSERT INTO loans (id, user_id, account_id, product_code, status, currency, amount_minor,
  interest_rate, tenure_months, terms, emi_minor, monthly_emi_minor, applied_at, disbursed_at,
  disbursed_on, principal_disbursed_minor, principal_outstanding_minor, schedule_version,
  period_start, period_end, period_interest_minor, oldest_unpaid_on)
SELECT gen_random_uuid(), owner_id, id, 'standard', 'active', currency, $1::bigint, 12, $2::int,
  $3::jsonb, $4::bigint, $4::bigint, now(), now(), starts, $1, $1, 1, starts,
  (starts + interval '1 month')::date, $6::bigint, (starts + interval '1 month')::date
FROM begun
"""  # noqa: S608 - our own conditions
_INSTALMENTS = """
INSERT INTO loan_instalments (loan_id, version, number, period_start, due_date, opening_minor,
                              principal_minor, interest_minor, accrues_minor, next_attempt_on)
SELECT l.id, 1, number, (l.disbursed_on + (number - 1) * interval '1 month')::date, due,
       l.amount_minor * (1 + $2::int - number) / $2, l.amount_minor / $2, $1::bigint, $1::bigint,
       CASE WHEN due >= $3::date THEN due END
FROM loans l CROSS JOIN generate_series(1, $2) AS number
  CROSS JOIN LATERAL (SELECT (l.disbursed_on + number * interval '1 month')::date AS due) AS ends
"""


@dataclass(frozen=True)
class Loans:
    """The three databases."""

    due: Settings
    idle: Settings
    late: Settings


async def prepare(servers: EmbeddedServers, plan: Plan) -> Loans:
    """Create the databases with their loans."""
    due = await engine.create(servers, "bench_due", 2)
    idle = await engine.create(servers, "bench_idle", 3)
    await _fill(due, borrowers=plan.due_loans, loans_each=1)
    await _fill(idle, borrowers=plan.idle_loans // LOANS_A_BORROWER, loans_each=LOANS_A_BORROWER)
    late = await engine.create(servers, "bench_late", 4)
    borrowers = plan.late_loans // LOANS_A_BORROWER
    await _fill(late, borrowers=borrowers, loans_each=LOANS_A_BORROWER, staggered=True)
    for settings in (due, late):
        async with _runtime(settings) as runtime:
            await runtime.settler.drain()  # the borrowers' opening deposits
    async with _runtime(late) as runtime:  # what is overdue was found so on the day before
        await run_job(desk(runtime, helpers=False), CLOSE_DAY, LATE_FROM - timedelta(days=1))
    return Loans(due, idle, late)


async def collect(loans: Loans, plan: Plan, number: int) -> float:
    """Close the due date of the round; instalments collected per second, end to end."""
    return await _close(loans.due, add_months(START, number), plan.due_loans)


async def close_idle(loans: Loans, plan: Plan, number: int) -> float:
    """Close a day on which nothing is due; loans closed per second."""
    async with _runtime(loans.idle) as runtime:
        begun = perf_counter()
        day = IDLE_FROM + timedelta(days=number)
        run = await run_job(desk(runtime, helpers=False), CLOSE_DAY, day)
        seconds = perf_counter() - begun
    return run.done / seconds if plan.idle_loans else 0.0


async def close_late(loans: Loans, plan: Plan, number: int) -> float:
    """Close a day on which 3 % of the loans fall due, which is collected, and 6 % are overdue.

    Loans closed per second, end to end.
    """
    day = LATE_FROM + timedelta(days=number - 1)
    return await _close(loans.late, day, plan.late_loans)


async def _close(settings: Settings, day: date, expected: int) -> float:
    """Close the day of that many loans with a worker's help; loans per second, end to end."""
    alone = engine.Engine(settings, ())
    async with _runtime(settings) as runtime, engine.workers(alone, 1) as started:
        bell = _Bell(started[0])
        begun = perf_counter()
        run = await run_job(_desk(runtime, bell), CLOSE_DAY, day)
        seconds = perf_counter() - begun
        await bell.silence()
    if run.failed or run.done != expected:
        raise RuntimeError(f"{run.failed} of {run.done} loans were not closed as they should")
    return expected / seconds


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


async def _fill(
    settings: Settings, *, borrowers: int, loans_each: int, staggered: bool = False
) -> None:
    """Borrowers with an account and running loans, opened against the bank's equity.

    All loans begin on START, or ``staggered`` as a bank's do.
    """
    connection = await asyncpg.connect(settings.owner_url)
    try:
        async with connection.transaction():
            owners = await seed.customers(connection, borrowers)
            accounts = await seed.accounts(connection, owners, borrowers, settings)
            await seed.pending_deposits(connection, accounts, settings)
            emi = PRINCIPAL_MINOR // INSTALMENTS + INTEREST_MINOR
            await connection.execute(
                _LOANS, PRINCIPAL_MINOR, INSTALMENTS, catalogue.dump(ProductTerms()), emi, START,
                INTEREST_MINOR, loans_each, staggered,
            )  # fmt: skip
            await connection.execute(_INSTALMENTS, INTEREST_MINOR, INSTALMENTS, LATE_FROM)
            total = PRINCIPAL_MINOR * borrowers * loans_each
            legs = ((LedgerCode.LOANS_RECEIVABLE, -total), (LedgerCode.EQUITY, total))
            opening = JournalEntry("opening", settings.default_currency, legs, START)
            await book_journal(connection, [opening], await read_moment(connection))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
