"""Whatever happens to a loan: its life lived again leads to its book, and so does one put right."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from core.foundation.errors import InsufficientFunds, LoanStateConflict, NothingDue
from core.lending.collections import case_work, charging
from core.lending.collections.case_work import CaseOfficer
from core.lending.collections.charging import WaiverAsked
from core.lending.servicing.allocation import Component
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.events import RECEIPTS
from tests.lending.lender import OFFICER
from tests.lending.test_corrections import adjust, enter, history, lived, refund

LIVES = {
    "plain": {},
    "interest first, in weeks": {
        "interest_first": True, "frequency": "weekly", "day_count": "actual/actual",
    },
    "with every fee": {
        "late_fee": 5, "penal_rate": 24, "grace_days": 0, "foreclosure_fee_percent": 2,
        "fee_tax_percent": 18, "day_count": "actual/365",
        "charges": [
            {"code": "file", "name": "File", "when": "instalment", "amount": 3, "tax_percent": 18}
        ],
    },
    "nothing to pay at first": {
        "moratorium_months": 1, "interest_moratorium_months": 2, "method": "equal_principal",
    },
}  # fmt: skip
MODES = ["due", "due", "due", "prepay_reduce_emi", "prepay_reduce_tenure"]


@pytest.mark.parametrize("terms", LIVES.values(), ids=LIVES)
async def test_any_life_lived_again_leads_to_its_book(lender, terms):
    chance = random.Random(str(terms))
    product = await lender.product(f"life-{chance.randrange(10**9)}", **terms)
    borrower = await lender.borrower(balance_minor=chance.randrange(2_000_00))
    loan_id = await lender.loan(borrower, 6_000, product=product, tenure_months=6)
    await lender.withdraw_all(borrower)
    day = await lender.today()
    for _ in range(6):
        day += timedelta(days=chance.randrange(1, 40))
        await lender.close_through(day)
        await lender.deposit(borrower, chance.randrange(1_00, 2_500_00))
        try:
            amount = Decimal(chance.randrange(1_00, 1_500_00)) / 100
            await lender.pay(borrower, loan_id, amount, chance.choice(MODES))
        except (LoanStateConflict, NothingDue):
            break
        except InsufficientFunds:
            continue
        await lender.settle()
        now, again = await lived(lender, loan_id)
        assert again == now
    paid = [x for x in await history(lender, loan_id) if x.stands and x.kind in RECEIPTS]
    wrong = chance.choice(paid)
    await lender.deposit(borrower, 10_000_00)
    await adjust(lender, loan_id, wrong.event_id, Decimal(wrong.amount_minor * 3 // 2) / 100)
    other = next((x for x in paid if x != wrong), None)
    if other is not None:
        await adjust(lender, loan_id, other.event_id, 0)
    now, again = await lived(lender, loan_id)
    assert again == now
    overpaid = await lender.value("SELECT overpaid_minor FROM loans WHERE id = $1", loan_id)
    if overpaid:
        await refund(lender, loan_id)
    await lender.verify()


async def test_new_terms_and_a_waiver_are_part_of_a_life(lender):
    borrower = await lender.borrower(balance_minor=100_00)
    loan_id = await lender.loan(borrower, 6_000, tenure_months=6)
    await lender.withdraw_all(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due + timedelta(days=40))
    async with lender.quiet.database.unit_of_work() as unit:
        officer = CaseOfficer(OFFICER, True, await lender.today())
        asked = WaiverAsked(Component.PENALTY, Decimal(1), "goodwill")
        await charging.waive(unit, loan_id, officer, asked)
        await unit.commit()
    async with lender.quiet.database.unit_of_work() as unit:
        officer = CaseOfficer(OFFICER, True, await lender.today())
        await case_work.restructure(
            unit,
            loan_id,
            officer,
            tenure_months=8,
            interest_rate=Decimal(10),
            calendar=CollectionCalendar(),
        )
        await unit.commit()
    now, again = await lived(lender, loan_id)
    assert again == now
    await lender.deposit(borrower, 500_00)
    await enter(lender, loan_id, "500", due)
    await lender.close_through(await lender.today() + timedelta(days=40))
    now, again = await lived(lender, loan_id)
    assert again == now
    await lender.verify()
