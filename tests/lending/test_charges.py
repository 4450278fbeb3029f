"""Fees of any kind on a loan, the tax on them, and what is waived."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.foundation.errors import CapReached, LoanStateConflict, NothingToWaive
from core.ledger.chart import LedgerCode
from core.lending.collections import charging
from core.lending.collections.case_work import CaseOfficer
from core.lending.collections.charging import WaiverAsked
from core.lending.origination import applications
from core.lending.origination.charges import MAX_CHARGES, ChargeTerms, When
from core.lending.servicing.allocation import Component, Split
from core.lending.servicing.events import ChargeParticulars
from tests.lending.lender import OFFICER

EMI = 1_066_19
TAXED = {"fee_tax_percent": 18}
AT_DISBURSAL = {
    "code": "papers", "name": "Documentation", "when": "disbursal", "amount": 50, "tax_percent": 18,
}  # fmt: skip
EACH = {
    "code": "service", "name": "Service fee", "when": "instalment", "amount": 5, "tax_percent": 20,
}  # fmt: skip
AT_FORECLOSURE = {
    "code": "letters", "name": "Closing letters", "when": "foreclosure", "amount": 10,
}  # fmt: skip


@pytest.fixture(autouse=True)
async def sound_books(lender):
    yield
    await lender.verify()


async def ledger(lender, *codes):
    """What stands on ledger accounts of the bank, credits positive."""
    rows = await lender.rows(
        "SELECT ledger_code, sum(amount_minor)::bigint AS amount FROM postings"
        " WHERE ledger_code = ANY($1) GROUP BY ledger_code",
        [code.value for code in codes],
    )
    found = {row["ledger_code"]: row["amount"] for row in rows}
    return [found.get(code.value, 0) for code in codes]


class Moved:
    """What a block moved on ledger accounts."""

    def __init__(self, lender, *codes):
        self.lender, self.codes, self.by = lender, codes, None

    async def __aenter__(self):
        self.before = await ledger(self.lender, *self.codes)
        return self

    async def __aexit__(self, *_):
        after = await ledger(self.lender, *self.codes)
        self.by = [now - then for now, then in zip(after, self.before, strict=True)]


FEES = (LedgerCode.FEE_RECEIVABLE, LedgerCode.FEE_INCOME, LedgerCode.TAX_PAYABLE)


async def test_what_is_taken_from_the_disbursement_is_income_and_its_tax_is_owed(lender):
    """1 % of 200,000 and 18 % tax on it, and papers for 50 with tax: 2,360 and 59."""
    product = await lender.product(
        "taxed", processing_fee_percent=1, charges=[AT_DISBURSAL], **TAXED
    )
    borrower = await lender.borrower()
    async with Moved(lender, *FEES) as moved:
        loan_id = await lender.loan(borrower, 200_000, product=product)
    assert moved.by == [0, 2_050_00, 369_00]
    assert await lender.balance(borrower) == 200_000_00 - 2_419_00
    assert (await lender.view(loan_id)).processing_fee_minor == 2_419_00


async def test_a_fee_of_every_instalment_is_income_when_it_falls_due_or_is_paid(lender):
    product = await lender.product("serviced", charges=[EACH])
    borrower = await lender.borrower()
    async with Moved(lender, *FEES) as paid_out:
        loan_id = await lender.loan(borrower, product=product)
    assert paid_out.by == [0, 0, 0]
    first, *_, last = [view.line for view in (await lender.schedule(loan_id)).lines]
    assert (first.asked.fee, first.fee_tax, first.asked.total) == (6_00, 1_00, EMI + 6_00)
    # Paid before it is due
    async with Moved(lender, *FEES) as early:
        await lender.pay(borrower, loan_id)
        await lender.settle()
    assert early.by == [0, 5_00, 1_00]
    # The next one falls due, and nothing is there to pay it
    await lender.withdraw_all(borrower)
    second = (await lender.line(loan_id, 2)).line
    async with Moved(lender, *FEES) as due:
        await lender.close_through(second.due_date)
    assert due.by == [-6_00, 5_00, 1_00]
    await lender.deposit(borrower, 20_000_00)
    await lender.close_through(last.due_date)
    assert (await lender.view(loan_id)).status == "closed"
    [receivable] = await ledger(lender, LedgerCode.FEE_RECEIVABLE)
    assert receivable == 0


async def test_ending_early_costs_its_own_fees_and_none_of_instalments_to_come(lender):
    product = await lender.product(
        "left", foreclosure_fee_percent=2, charges=[EACH, AT_FORECLOSURE], **TAXED
    )
    borrower = await lender.borrower(balance_minor=1_000_00)
    loan_id = await lender.loan(borrower, product=product)
    async with Moved(lender, *FEES) as moved:
        await lender.pay(borrower, loan_id, mode="foreclose")
        await lender.settle()
    # 2 % of 12,000 and 18 % on it, and 10 for letters
    assert moved.by == [0, 250_00, 43_20]
    assert await lender.balance(borrower) == 1_000_00 - 293_20
    assert (await lender.view(loan_id)).status == "foreclosed"


async def test_a_prepayment_lays_the_fees_out_with_the_instalments(lender):
    product = await lender.product("laid", charges=[{**EACH, "amount": 0, "percent": 1}])
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, product=product)
    line = (await lender.line(loan_id, 1)).line
    assert (line.asked.fee, line.fee_tax) == (12_79, 2_13)  # 1 % of 1,066.19, and a fifth of that
    await lender.pay(borrower, loan_id, "6000", "prepay_reduce_emi")
    await lender.settle()
    line = (await lender.line(loan_id, 2)).line
    base = line.asked.principal + line.asked.interest
    assert line.asked.fee == round(base / 100) + round(base / 100 / 5)
    await lender.pay(borrower, loan_id, mode="foreclose")
    await lender.settle()


ONCE = {
    "code": "reminder", "name": "Reminder", "when": "overdue", "amount": 10, "percent": 1,
    "tax_percent": 18,
}  # fmt: skip


@pytest.fixture
async def officer(lender):
    await lender.execute(
        "INSERT INTO users (id, email, password_hash, role, status, created_at)"
        " VALUES ($1, 'officer@example.org', 'x', 'officer', 'active', now())"
        " ON CONFLICT DO NOTHING",
        OFFICER,
    )


async def by_hand(lender, step, loan_id, asked, **fields):
    """An officer's charge or waiver."""
    async with lender.quiet.database.unit_of_work() as unit:
        officer = CaseOfficer(OFFICER, is_admin=False, today=await lender.today())
        done = await step(unit, loan_id, officer, asked, **fields)
        await unit.commit()
    return done


async def charge(lender, loan_id, code="letter", **asked):
    particulars = ChargeParticulars(code, code.title(), **asked)
    return await by_hand(lender, charging.charge, loan_id, particulars, reason="It was needed")


async def waive(lender, loan_id, component, amount):
    asked = WaiverAsked(Component(component), Decimal(amount), "Our fault")
    return await by_hand(lender, charging.waive, loan_id, asked)


async def broke(lender, product):
    """A borrower who spends the loan and pays nothing; the first due date."""
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, product=product)
    await lender.withdraw_all(borrower)
    return borrower, loan_id, (await lender.line(loan_id, 1)).line.due_date


async def test_a_charge_on_what_is_overdue_comes_once_with_its_tax(lender):
    product = await lender.product("reminding", charges=[ONCE], late_fee_percent=0, penal_rate=0)
    _, loan_id, due = await broke(lender, product)
    async with Moved(lender, *FEES) as moved:
        await lender.close_through(due + timedelta(days=10))
    # 10 and 1 % of 1,066.19: 20.66, and 18 % of that
    assert moved.by == [-24_38, 20_66, 3_72]
    line = (await lender.line(loan_id, 1)).line
    assert (line.asked.fee, line.fee_tax, line.asked.penalty) == (24_38, 3_72, 0)


async def test_a_fee_by_hand_is_asked_with_the_first_instalment_from_a_day_on(lender, officer):
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower)
    second = (await lender.line(loan_id, 2)).line.due_date
    async with Moved(lender, *FEES) as moved:
        made = await charge(
            lender, loan_id, flat_minor=25_00, tax_percent=Decimal(18), on=second - timedelta(5)
        )
    assert (made.amount_minor, made.particulars.instalment) == (29_50, 2)
    assert moved.by == [0, 0, 0], "not before it falls due"
    # A new schedule takes it along; who leaves before pays it all the same
    await lender.pay(borrower, loan_id, "5000", "prepay_reduce_emi")
    await lender.settle()
    line = (await lender.line(loan_id, 2)).line
    assert (line.asked.fee, line.fee_tax, line.fee_levied) == (29_50, 4_50, 29_50)
    await lender.deposit(borrower, 1_000_00)
    async with Moved(lender, *FEES) as moved:
        await lender.pay(borrower, loan_id, mode="foreclose")
        await lender.settle()
    assert moved.by == [0, 25_00, 4_50]
    assert (await lender.view(loan_id)).status == "foreclosed"


async def test_a_fee_by_hand_may_come_with_every_instalment_to_come(lender, officer):
    borrower = await lender.borrower(balance_minor=2_000_00)
    loan_id = await lender.loan(borrower)
    await lender.pay(borrower, loan_id)
    await lender.settle()
    await charge(lender, loan_id, "service", flat_minor=3_00, when=When.INSTALMENT)
    lines = [view.line for view in (await lender.schedule(loan_id)).lines]
    assert [line.asked.fee for line in lines] == [0] + [3_00] * 11
    with pytest.raises(LoanStateConflict):
        await charge(lender, loan_id, "service", flat_minor=1_00, when=When.INSTALMENT)
    # An instalment that is paid in advance stays paid, and asks for nothing more
    await lender.pay(borrower, loan_id, "6000", "prepay_reduce_emi")
    await lender.settle()
    lines = [view.line for view in (await lender.schedule(loan_id)).lines]
    assert [line.asked.fee for line in lines] == [0] + [3_00] * 11


async def test_what_is_waived_is_no_income_and_no_debt_and_its_tax_comes_back(lender, officer):
    product = await lender.product("waived", charges=[ONCE], late_fee_percent=2)
    borrower, loan_id, due = await broke(lender, product)
    await lender.close_through(due + timedelta(days=10))
    before = (await lender.line(loan_id, 1)).line
    assert before.asked.penalty > 21_00
    books = (*FEES, LedgerCode.PENALTY_RECEIVABLE, LedgerCode.INTEREST_RECEIVABLE)
    async with Moved(lender, *books, LedgerCode.WAIVED) as moved:
        await waive(lender, loan_id, "fee", "12.19")
        await waive(lender, loan_id, "penalty", "21")
        await waive(lender, loan_id, "interest", "20")
    # Half of 24.38, of which 3.72 was tax
    assert moved.by == [12_19, 0, -1_86, 21_00, 20_00, -10_33 - 41_00]
    after = (await lender.line(loan_id, 1)).line
    assert before.asked - after.asked == Split(penalty=21_00, fee=12_19, interest=20_00)
    with pytest.raises(NothingToWaive):
        await waive(lender, loan_id, "penalty", "1000")
    with pytest.raises(NothingToWaive):
        await waive(lender, loan_id, "interest", "104")  # 123.04 were earned and due
    # What is left is paid, and nothing more
    await lender.deposit(borrower, 2_000_00)
    await lender.pay(borrower, loan_id, Decimal(after.unpaid.total) / 100)
    await lender.settle()
    assert (await lender.line(loan_id, 1)).line.paid_on is not None
    assert (await lender.view(loan_id)).dpd == 0


async def test_the_last_that_is_owed_may_be_waived_and_the_loan_closes(lender, officer):
    product = await lender.product("ending", late_fee=15, late_fee_percent=0, penal_rate=0)
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, 1_000, product=product, tenure_months=1)
    await lender.withdraw_all(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due + timedelta(days=4))
    owed = (await lender.line(loan_id, 1)).line
    await lender.deposit(borrower, owed.unpaid.total - 15_00)
    await waive(lender, loan_id, "penalty", "15")
    await lender.pay(borrower, loan_id)
    await lender.settle()
    assert (await lender.view(loan_id)).status == "closed"


async def test_one_charge_too_many_is_refused_and_spoils_no_terms(lender, officer):
    many = [{**ONCE, "code": f"fee-{number}"} for number in range(MAX_CHARGES)]
    product = await lender.product("many", charges=many)
    borrower = await lender.borrower()
    pending = await lender.apply(borrower, product=product)
    running = await lender.loan(await lender.borrower(), product=product)
    with pytest.raises(CapReached):
        await charge(lender, running, "more", flat_minor=1_00, when=When.OVERDUE)
    more = ChargeTerms(code="more", name="More", when=When.DISBURSAL, amount=Decimal(1))
    async with lender.quiet.database.unit_of_work() as unit:
        with pytest.raises(CapReached):
            await applications.add_charge(
                unit.connection, pending, more, await lender.today(), by=OFFICER
            )
    for loan_id in (running, pending):
        assert len((await lender.view(loan_id)).terms.charges) == MAX_CHARGES
