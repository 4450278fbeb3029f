"""A year of random events on many loans: every promise holds after every month.

Payments of every kind, failing collections, late customers, freezes, restructures, settlements,
write-offs, closings that die and closings that run twice.
"""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest

from core.business_day import chunks, close
from core.foundation.errors import GiroError
from core.lending import borrowers
from core.lending.collections import case_work, charging
from core.lending.collections.case_work import CaseOfficer
from core.lending.collections.charging import WaiverAsked
from core.lending.origination.charges import When
from core.lending.servicing.allocation import Component
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.events import ChargeParticulars
from core.lending.steps import EMI_COLLECTION
from tests.lending.lender import OFFICER, SUBMITTING, Borrower, Lender

TAXED = {"name": "A fee", "percent": "0.7", "amount": "1.11", "tax_percent": 18}
CHARGES = {when.value: {**TAXED, "code": when.value, "when": when.value} for when in When}
PRODUCTS = {
    "year-reducing": {"charges": list(CHARGES.values()), "fee_tax_percent": 19},
    "year-flat": {"method": "flat", "foreclosure_fee_percent": 2, "retry_days": [2]},
    "year-equal": {
        "method": "equal_principal",
        "day_count": "actual/365",
        "interest_first": True,
        "charges": [CHARGES["instalment"]],
    },
    "year-bullet": {"method": "bullet", "processing_fee_percent": 1, "fee_tax_percent": 18},
    "year-weekly": {
        "frequency": "weekly",
        "grace_days": 0,
        "late_fee": 5,
        "charges": [CHARGES["overdue"]],
    },
    "year-free": {"min_rate": 0, "default_rate": 0, "partial_collection": False},
    "year-grace": {"moratorium_months": 2, "rounding": "up", "rounding_unit": 1},
    "year-strict": {"sma0_to": 5, "sma1_to": 10, "npa_after_dpd": 15, "default_after_dpd": 20},
}
MODES = ("due", "due", "prepay_reduce_tenure", "prepay_reduce_emi", "foreclose")


@dataclass
class Year:
    """A year with its chances."""

    lender: Lender
    chance: random.Random
    loans: list[tuple[Borrower, object]] = field(default_factory=list)

    async def begin(self, count: int) -> None:
        for code, terms in PRODUCTS.items():
            await self.lender.product(code, **terms)
        for number in range(count):
            borrower = await self.lender.borrower(self.chance.choice((0, 500_00, 90_000_00)))
            product = list(PRODUCTS)[number % len(PRODUCTS)]
            amount = self.chance.randrange(500, 20_000)
            months = self.chance.choice((3, 6, 12))
            loan = await self.lender.loan(borrower, amount, product=product, tenure_months=months)
            if self.chance.random() < 0.6:
                await self.lender.withdraw_all(borrower)
            self.loans.append((borrower, loan))

    async def something(self) -> None:
        """One event; what the rules refuse does not happen."""
        borrower, loan = self.chance.choice(self.loans)
        event = self.chance.choice((self.pay, self.pay, self.fund, self.fund, self.officer))
        try:
            await event(borrower, loan)
        except GiroError:
            return

    async def pay(self, borrower: Borrower, loan: object) -> None:
        amount = self.chance.choice((None, self.chance.randrange(1, 3_000)))
        mode = self.chance.choice(MODES)
        await self.lender.pay(borrower, loan, amount, mode)
        if self.chance.random() < 0.5:
            await self.lender.settle()  # otherwise it settles together with what comes next

    async def fund(self, borrower: Borrower, _loan: object) -> None:
        await self.lender.deposit(borrower, self.chance.randrange(1_00, 4_000_00))

    async def officer(self, _borrower: Borrower, loan: object) -> None:
        if self.chance.random() < 0.6:
            return
        if self.chance.random() < 0.5:
            await self.clerk(loan)
            return
        step, fields = self.chance.choice(
            (
                (case_work.set_off, {}),
                (case_work.settle, {"amount": Decimal(self.chance.randrange(1, 2_000))}),
                (case_work.write_off, {"reason": "by chance"}),
                (
                    case_work.restructure,
                    {
                        "tenure_months": 6,
                        "interest_rate": Decimal(8),
                        "calendar": CollectionCalendar(),
                    },
                ),
            )
        )
        async with self.lender.quiet.database.unit_of_work() as unit:
            officer = CaseOfficer(OFFICER, is_admin=True, today=await self.lender.today())
            doors = (unit, self.lender.quiet.intake) if step in SUBMITTING else (unit,)
            await step(*doors, loan, officer, **fields)
            await unit.commit()

    async def clerk(self, loan: object) -> None:
        """A fee by hand, or a waiver."""
        today = await self.lender.today()
        soon = today + timedelta(days=self.chance.randrange(60))
        rate, amount = Decimal(self.chance.choice((0, 18))), self.chance.randrange(1, 30_00)
        fee = ChargeParticulars("letter", "Letter", amount, tax_percent=rate, on=soon)
        always = ChargeParticulars("service", "Service", amount, when=When.INSTALMENT)
        component = self.chance.choice((Component.FEE, Component.PENALTY, Component.INTEREST))
        waiver = WaiverAsked(component, Decimal(amount) / 100, "by chance")
        async with self.lender.quiet.database.unit_of_work() as unit:
            officer = CaseOfficer(OFFICER, is_admin=False, today=today)
            match self.chance.randrange(4):
                case 0:
                    await charging.charge(unit, loan, officer, fee, reason="by chance")
                case 1:
                    await charging.charge(unit, loan, officer, always, reason="by chance")
                case _:
                    await charging.waive(unit, loan, officer, waiver)
            await unit.commit()

    async def night(self, day) -> None:
        """Close the day: once, twice at once, or after a crash."""
        luck = self.chance.random()
        if luck < 0.1:
            dying = asyncio.create_task(self.lender.close_through(day))
            await asyncio.sleep(self.chance.uniform(0, 0.05))
            dying.cancel()
            await asyncio.gather(dying, return_exceptions=True)
        elif luck < 0.2:
            await asyncio.gather(
                close.close_through(self.lender.desk, day),
                self.lender.job(EMI_COLLECTION, day),
            )
        await self.lender.close_through(day)


@pytest.mark.parametrize("seed", [1])
async def test_every_promise_holds_all_year(lender, monkeypatch, seed):
    monkeypatch.setattr(borrowers, "SHARE_LOANS", 5)
    monkeypatch.setattr(chunks, "LEASE_SECONDS", 1)
    year = Year(lender, random.Random(seed))
    await year.begin(16)
    start = await lender.today()
    step = 7  # nights are closed in small jumps; each closes every day in between
    for day in range(step, 366, step):
        for _ in range(year.chance.randrange(4)):
            await year.something()
        await year.night(start + timedelta(days=day))
        if day % 30 < step:
            await lender.verify()
    await lender.settle()
    await lender.verify()
    states = {(await lender.view(loan)).status for _, loan in year.loans}
    assert len(states) >= 3, states
