"""Fees of any kind on a loan, the tax on them, and what is waived."""

from datetime import timedelta

import pytest

from core.ledger.chart import LedgerCode

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
    await lender.close_through(line.due_date + timedelta(days=1))
