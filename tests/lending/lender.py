"""A lending bank without its processes: loans live through days that the test closes itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.business_day import close, dates, drive, runs
from core.business_day.dates import BankClock
from core.business_day.desk import Desk
from core.business_day.runs import Run
from core.business_day.steps import Steps
from core.foundation.database import Connection
from core.lending import kinds, steps
from core.lending.collections import case_work
from core.lending.details import PaymentMode
from core.lending.disclosure.offer import Creditor
from core.lending.origination import applications, catalogue, decisions
from core.lending.origination.applications import Application
from core.lending.origination.decisions import Decider
from core.lending.origination.kept_assessments import KeptAssessment, find_latest
from core.lending.servicing import payments, schedule_views, views
from core.lending.servicing.payments import PaymentRequest
from core.lending.steps import EMI_COLLECTION
from core.transactions import orders
from core.transactions.intake import Intake
from core.transactions.kinds import Kinds
from core.transactions.orders import Party
from core.transactions.settle import Settler
from core.verification import verify
from tests.quiet import Quiet

OFFICER = UUID("0190a000-0000-7000-8000-000000000001")
CREDITOR = Creditor("Giro", email="help@giro.example")
# The steps of recovery that submit transactions, and so need intake.
SUBMITTING = (case_work.set_off, case_work.settle)


def every_kind() -> Kinds:
    registry = Kinds()
    kinds.register(registry)
    return registry


def every_step(intake: Intake, holiday_country: str = "") -> Steps:
    table = Steps()
    steps.register(table, intake, holiday_country=holiday_country)
    return table


@asynccontextmanager
async def moved_to(connection: Connection, day: date) -> AsyncIterator[None]:
    """The bank's clock stands at ``day``, as if that had been closed, and then where it was."""
    last = await connection.fetchval("SELECT last_closed_on FROM bank_day FOR UPDATE")
    move = "UPDATE bank_day SET last_closed_on = $1"
    await connection.execute(move, max(day, last or day))
    try:
        yield
    finally:
        await connection.execute(move, last)


@dataclass
class Borrower:
    """A customer with an account."""

    user_id: UUID
    account_id: UUID


@dataclass
class Lender:
    """What an officer, a borrower and the night do, in short words."""

    quiet: Quiet
    settler: Settler = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.settler = self.quiet.settler(kinds=every_kind())
        self.desk = Desk(
            self.quiet.database,
            every_step(self.quiet.intake),
            BankClock("UTC", may_run_ahead=True),
            settle=self.settler.drain,
        )

    async def today(self) -> date:
        """The bank's business date."""
        async with self.quiet.database.read() as reader:
            return await dates.business_date(reader, "UTC")

    async def borrower(self, balance_minor: int = 0, **fields: Any) -> Borrower:
        account = await self.quiet.account(balance_minor, **fields)
        owner = await self.value("SELECT owner_id FROM accounts WHERE id = $1", account)
        return Borrower(owner, account)

    async def second_account(self, borrower: Borrower, balance_minor: int) -> UUID:
        """Another account of the same customer."""
        account = await self.quiet.account(balance_minor)
        await self.execute(
            "UPDATE accounts SET owner_id = $2 WHERE id = $1", account, borrower.user_id
        )
        return account

    async def product(self, code: str, **terms: Any) -> str:
        """A product of the test's own."""
        async with self.quiet.database.unit_of_work() as unit:
            await catalogue.put(unit.connection, code, terms)
            await unit.commit()
        return code

    async def apply(self, borrower: Borrower, amount: Any = 12_000, **fields: Any) -> UUID:
        """An application, by default for 12,000 at 12 percent over 12 months."""
        async with self.quiet.database.unit_of_work() as unit:
            loan_id = await applications.apply(
                unit.connection,
                Application(
                    borrower.user_id,
                    Decimal(amount),
                    **{
                        "account": str(borrower.account_id),
                        "monthly_income": Decimal(100_000),
                        **fields,
                    },
                ),
                await dates.business_date(unit.connection, "UTC"),
                max_open=100,
            )
            await unit.commit()
        return loan_id

    async def approve(self, loan_id: UUID, **fields: Any) -> UUID:
        """Approve, and answer the disbursement, which is not settled yet."""
        async with self.quiet.database.unit_of_work() as unit:
            decider = Decider(OFFICER, await dates.business_date(unit.connection, "UTC"))
            intake = self.quiet.intake
            approval = await decisions.approve(
                unit, intake, loan_id, decider, creditor=CREDITOR, **fields
            )
            await unit.commit()
        return approval.transaction_id

    async def loan(self, borrower: Borrower, amount: Any = 12_000, **fields: Any) -> UUID:
        """A loan that is paid out."""
        loan_id = await self.apply(borrower, amount, **fields)
        await self.approve(loan_id)
        await self.settle()
        return loan_id

    async def settle(self) -> None:
        await self.settler.drain()

    async def pay(
        self,
        borrower: Borrower,
        loan_id: UUID,
        amount: Any = None,
        mode: str = "due",
        from_account: UUID | None = None,
    ) -> UUID:
        """Submit a payment; not settled yet."""
        async with self.quiet.database.read() as reader:
            order = await payments.order(
                reader,
                PaymentRequest(
                    loan_id=loan_id,
                    user_id=borrower.user_id,
                    amount=None if amount is None else Decimal(amount),
                    mode=PaymentMode(mode),
                    from_account=str(from_account) if from_account else None,
                    idempotency_key=None,
                    request_id=None,
                ),
                await dates.business_date(reader, "UTC"),
            )
        return (await self.quiet.intake.submit(order)).transaction_id

    @asynccontextmanager
    async def collection(self, loan_id: UUID, day: date) -> AsyncIterator[asyncio.Task[Run]]:
        """A collection of ``day`` that has submitted the loan's instalment and not settled it.

        All that is pending is settled after the block, whoever borrowed it: the run waits for it.
        """
        unsettling = replace(self.desk, settle=None)
        run_id = await self.started(EMI_COLLECTION, day)
        run = asyncio.create_task(drive.drive(unsettling, run_id))
        while not await self.transactions(loan_id, "emi"):
            assert not run.done(), run.result()
            await asyncio.sleep(0.01)
        try:
            yield run
        finally:
            while not run.done():
                await self.settle()
                await asyncio.sleep(0.01)

    async def pay_behind_a_collection(
        self, borrower: Borrower, loan_id: UUID, amount: Any, day: date
    ) -> None:
        """A payment is ordered, then the collection is submitted; both settle in one batch."""
        async with self.collection(loan_id, day) as run:
            await self.pay(borrower, loan_id, amount)
        await run

    async def close_through(self, day: date) -> list[Run]:
        return await close.close_through(self.desk, day)

    async def started(self, job: str, day: date) -> UUID:
        """A run for ``day``, as if every date before it had been closed, which none is."""
        async with self.quiet.database.unit_of_work() as unit:
            async with moved_to(unit.connection, day - timedelta(days=1)):
                run_id = await runs.start(unit.connection, job, day, self.desk.bank_clock)
            await unit.commit()
        return run_id

    async def job(self, job: str, day: date) -> Run:
        return await drive.drive(self.desk, await self.started(job, day))

    async def view(self, loan_id: UUID) -> views.LoanView:
        async with self.quiet.database.read() as reader:
            return await views.find_loan(reader, loan_id, owner_id=None, time_zone="UTC")

    async def assessment(self, loan_id: UUID) -> KeptAssessment:
        """How the application was assessed last."""
        async with self.quiet.database.read() as reader:
            kept = await find_latest(reader, loan_id)
        assert kept is not None
        return kept

    async def schedule(self, loan_id: UUID) -> schedule_views.ScheduleView:
        async with self.quiet.database.read() as reader:
            return await schedule_views.find_schedule(
                reader, loan_id, owner_id=None, time_zone="UTC"
            )

    async def line(self, loan_id: UUID, number: int) -> schedule_views.LineView:
        schedule = await self.schedule(loan_id)
        return next(view for view in schedule.lines if view.line.number == number)

    async def balance(self, borrower: Borrower) -> int:
        return await self.quiet.balance(borrower.account_id)

    async def withdraw_all(self, borrower: Borrower) -> None:
        """Empty the account as cash."""
        balance = await self.balance(borrower)
        if balance:
            await self.take_out(borrower.account_id, balance)

    async def take_out(self, account: UUID, amount_minor: int) -> None:
        await self.quiet.intake.submit(
            orders.withdrawal(Party(str(account)), Decimal(amount_minor) / 100)
        )
        await self.settle()

    async def deposit(self, borrower: Borrower, amount_minor: int) -> None:
        await self.quiet.deposit(borrower.account_id, Decimal(amount_minor) / 100)
        await self.settle()

    async def transactions(self, loan_id: UUID, kind: str) -> list[Any]:
        """The loan's transactions of a type, oldest first."""
        return await self.rows(
            "SELECT status, amount_minor, failure_code, details FROM transactions"
            " WHERE details->>'loan_id' = $1 AND type = $2 ORDER BY seq",
            str(loan_id),
            kind,
        )

    async def notices(self, loan_id: UUID) -> list[str]:
        rows = await self.rows(
            "SELECT kind FROM notifications WHERE loan_id = $1 AND NOT to_staff ORDER BY id",
            loan_id,
        )
        return [row["kind"] for row in rows]

    async def verify(self) -> None:
        """Every promise about the books holds."""
        broken = [result for result in await verify(self.quiet.database) if not result.ok]
        assert not broken, [(result.name, result.breaches) for result in broken]

    async def rows(self, query: str, *values: Any) -> list[Any]:
        async with self.quiet.database.read() as reader:
            return list(await reader.fetch(query, *values))

    async def value(self, query: str, *values: Any) -> Any:
        async with self.quiet.database.read() as reader:
            return await reader.fetchval(query, *values)

    async def execute(self, query: str, *values: Any) -> None:
        """Set the stage with what no program may do."""
        await self.quiet.as_owner(query, *values)


__all__ = ["Borrower", "Connection", "Lender"]
