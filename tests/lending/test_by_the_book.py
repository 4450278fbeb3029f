"""A year of random life under every setting, against an independent calculation.

Beside each loan of the bank lives a second one, reckoned by ``tests.lending.independent``: the same
payments, the same nights, and the same payments put right afterwards. Every week the two must agree
to the last minor unit: what is owed and by which instalment, what it costs to be rid of it, how
late it is and what that makes it, what is on the account and what is overpaid.
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from core.foundation.errors import GiroError
from core.foundation.ids import new_id
from core.lending.corrections import entering
from core.lending.corrections.entering import Corrector
from core.lending.corrections.history import page_of_history
from core.lending.servicing import views
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.events import RECEIPTS
from tests.lending.independent.life import Life, Receipt
from tests.lending.independent.schedule import Plan
from tests.lending.lender import OFFICER, Borrower, Lender

# Each product of the bank beside what differs in the second reckoning.
PRODUCTS: dict[str, dict[str, Any]] = {
    "book-plain": {},
    "book-actual": {"day_count": "actual/actual", "late_fee": 5, "interest_first": True},
    "book-weekly": {"frequency": "weekly", "grace_days": 0, "day_count": "actual/364"},
    "book-flat": {"method": "flat", "retry_days": [2], "foreclosure_fee_percent": 2},
    "book-equal": {"method": "equal_principal", "day_count": "actual/365"},
    "book-bullet": {"method": "bullet", "partial_collection": False},
    "book-rest": {"moratorium_months": 2, "interest_moratorium_months": 2},
    "book-round": {"rounding": "up", "rounding_unit": 1, "penal_rate": 0},
    "book-strict": {
        "sma0_to": 5, "sma1_to": 10, "npa_after_dpd": 15, "default_after_dpd": 20,
        "set_off": False, "day_count": "actual/360", "penal_rate": 24,
    },
    "book-quarterly": {"frequency": "quarterly", "rounding": "half_even", "late_fee_percent": 3},
}  # fmt: skip


_OVERPAID = "SELECT overpaid_minor FROM loans WHERE id = $1"


@dataclass
class Twins:
    """A loan of the bank and the same one reckoned apart."""

    product: str
    borrower: Borrower
    loan: UUID
    life: Life


def reckoned(terms: dict[str, Any], amount: int, months: int, start: date, cash: int) -> Life:
    """The second loan; ``amount`` and ``cash`` in minor units."""
    every = {"weekly": Fraction(52, 12), "quarterly": Fraction(1, 3)}.get(terms.get("frequency"), 1)
    count = int(months * every + Fraction(1, 2))
    plan = Plan(
        start, Fraction(12), count,
        method=terms.get("method", "reducing"),
        frequency=terms.get("frequency", "monthly"),
        day_count=terms.get("day_count", "30/360"),
        rounding=terms.get("rounding", "half_up"),
        unit=100 * terms.get("rounding_unit", 0) or 1,
        resting=terms.get("moratorium_months", 0),
        deferring=terms.get("interest_moratorium_months", 0),
    )  # fmt: skip
    return Life(
        amount, plan, cash,
        grace_days=terms.get("grace_days", 3),
        late_fee=100 * terms.get("late_fee", 0),
        late_fee_percent=Fraction(terms.get("late_fee_percent", 1)),
        penal_rate=Fraction(terms.get("penal_rate", 6)),
        interest_first=terms.get("interest_first", False),
        partial_collection=terms.get("partial_collection", True),
        overdue_interest=terms.get("overdue_interest", True),
        retry_days=tuple(terms.get("retry_days", (1, 3, 7))),
        edges=(terms.get("sma0_to", 30), terms.get("sma1_to", 60), terms.get("npa_after_dpd", 90)),
        default_after=terms.get("default_after_dpd", 90),
        set_off=terms.get("set_off", True),
        foreclosure_percent=Fraction(terms.get("foreclosure_fee_percent", 0)),
    )  # fmt: skip


@dataclass
class Year:
    """Twins, and the chances of their year."""

    lender: Lender
    chance: random.Random
    refused: list[tuple[str, str]] = field(default_factory=list)

    async def twins(self, product: str, start: date) -> Twins:
        amount = self.chance.randrange(600, 20_000)
        months = 12 if product == "book-quarterly" else self.chance.choice((6, 9, 12))
        cash = self.chance.choice((0, 0, 1_000_00))
        borrower = await self.lender.borrower(cash)
        loan = await self.lender.loan(borrower, amount, product=product, tenure_months=months)
        life = reckoned(PRODUCTS[product], amount * 100, months, start, cash + amount * 100)
        if self.chance.random() < 0.7:
            await self.lender.withdraw_all(borrower)
            life.cash = 0
        return Twins(product, borrower, loan, life)

    async def live(self, each: Twins, today: date) -> None:
        """What may happen to a loan in a week."""
        luck, life = self.chance.random(), each.life
        if luck < 0.25:
            amount = self.chance.randrange(1_00, 3_000_00)
            await self.lender.deposit(each.borrower, amount)
            life.cash += amount
        elif luck < 0.45 and life.alive and life.cash > 0:
            await self.pay(each, self.chance.randrange(1, 1_500_00), today)
        elif luck < 0.5 and life.alive:
            await self.prepay(each, self.chance.randrange(1_00, 2_000_00), today)
        elif luck < 0.56:
            await self.put_right(each, today)

    async def pay(self, each: Twins, amount: int, today: date) -> None:
        amount = min(amount, each.life.cash)
        await self.lender.pay(each.borrower, each.loan, Decimal(amount) / 100, "due")
        await self.lender.settle()
        each.life.pay(amount, today)

    async def prepay(self, each: Twins, amount: int, today: date) -> None:
        life = each.life
        amount = min(amount, life.cash)
        ahead = any(x.paid["interest"] for x in life.lines if x.due > today)
        if amount < 1 or ahead or life.plan.method in {"flat", "bullet"}:
            return
        mode = self.chance.choice(("prepay_reduce_emi", "prepay_reduce_tenure"))
        try:
            await self.lender.pay(each.borrower, each.loan, Decimal(amount) / 100, mode)
        except GiroError:
            return
        await self.lender.settle()
        life.prepay(amount, today, keep_instalment=mode == "prepay_reduce_tenure")

    async def put_right(self, each: Twins, today: date) -> None:
        """A receipt was never there, or was another amount, or came on another day."""
        life = each.life
        if not life.receipts or any(receipt.ahead for receipt in life.receipts):
            return
        wrong = self.chance.choice(life.receipts)
        amount = self.chance.choice((0, wrong.amount, wrong.amount // 2))
        on = max(life.plan.start, wrong.on - timedelta(days=self.chance.choice((0, 3, 40))))
        if (amount, on) == (wrong.amount, wrong.on):
            return
        try:
            await self.officer_puts_right(each, wrong, amount, on)
        except GiroError as refusal:
            self.refused.append((each.product, str(refusal)))
            return
        right = (
            Receipt(on, after=on <= life.assessed and on == today, amount=amount)
            if amount
            else None
        )
        life.correct(wrong, right, today)

    async def officer_puts_right(self, each: Twins, wrong: Receipt, amount: int, on: date) -> None:
        database = self.lender.quiet.database
        async with database.read() as reader:
            rows = await page_of_history(
                reader, each.loan, owner_id=None, before_id=None, limit=200
            )
        known = next(
            row.transaction_id
            for row in reversed(rows)
            if row.kind in RECEIPTS
            and row.stands
            and (row.value_date, row.amount_minor) == (wrong.on, wrong.amount)
        )
        async with database.unit_of_work() as unit:
            officer = Corrector(OFFICER, await self.lender.today(), CollectionCalendar())
            wanted = await entering.look_at_payment(
                unit, each.loan, known, officer, amount=Decimal(amount) / 100, on=on
            )
            await entering.adjust(
                unit, self.lender.quiet.intake, wanted, officer, reason="wrong", run_id=new_id()
            )
            await unit.commit()
        await self.lender.settle()


async def look(lender: Lender, each: Twins, today: date) -> dict[str, Any]:
    """What the bank says of the loan."""
    view = await lender.view(each.loan)
    found = {
        "status": view.status,
        "outstanding": view.outstanding_principal_minor,
        "dpd": view.dpd,
        "classification": view.classification,
        "in_default": view.in_default,
        "cash": await lender.balance(each.borrower),
        "overpaid": await lender.value(_OVERPAID, each.loan),
    }
    if view.status != "active":
        return found
    async with lender.quiet.database.read() as reader:
        _, owed = await views.find_payoff(reader, each.loan, owner_id=None, on=today)
    lines = (await lender.schedule(each.loan)).lines
    return {
        **found,
        "payoff": (owed.principal, owed.interest, owed.penalty, owed.fees),
        "lines": [
            (x.due_date, x.line.asked.principal, x.line.asked.interest, x.line.asked.penalty,
             x.line.paid.total)
            for x in lines
        ],
    }  # fmt: skip


def expect(each: Twins, today: date) -> dict[str, Any]:
    """The same, reckoned."""
    life = each.life
    found: dict[str, Any] = {
        "status": life.status,
        "outstanding": life.outstanding,
        "dpd": life.dpd,
        "classification": life.classification,
        "in_default": life.in_default,
        "cash": life.cash,
        "overpaid": life.overpaid,
    }
    if not life.alive:
        return found
    owed = life.payoff(today)
    return {
        **found,
        "payoff": (owed["principal"], owed["interest"], owed["penalty"], owed["fees"]),
        "lines": [
            (x.due, x.asked["principal"], x.asked["interest"], x.asked["penalty"],
             sum(x.paid.values()))
            for x in life.lines
        ],
    }  # fmt: skip


# Fixed days far ahead: the same lives whenever the tests run, through a leap day and month ends.
@pytest.mark.parametrize(("seed", "begins"), [(1, date(2040, 1, 30)), (2, date(2042, 11, 21))])
async def test_a_year_agrees_with_an_independent_calculation(lender, seed, begins):
    year = Year(lender, random.Random(seed))
    await lender.execute("UPDATE bank_day SET last_closed_on = $1", begins)
    for code, terms in PRODUCTS.items():
        await lender.product(code, **terms)
    start = await lender.today()
    everybody = [await year.twins(product, start) for product in PRODUCTS]
    day = start
    for week in range(53):
        for each in everybody:
            await year.live(each, day)
        following = start + timedelta(days=7 * week + 7)
        await lender.close_through(following)
        while day < following:
            day += timedelta(days=1)
            for each in everybody:
                each.life.close(day)
        for each in everybody:
            assert (each.product, day, await look(lender, each, day)) == (
                each.product, day, expect(each, day)
            )  # fmt: skip
    await lender.verify()
