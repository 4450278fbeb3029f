"""Applications and decisions: limits, four eyes, one income, one decision."""

import asyncio
from decimal import Decimal

import pytest

from core.foundation.errors import (
    AccountFrozen,
    AccountNotFound,
    FourEyes,
    InvalidLoanTerms,
    LoanNotEligible,
    LoanNotFound,
    LoanProductNotFound,
    LoanStateConflict,
    NoPrimaryAccount,
    OverrideReasonRequired,
)
from core.foundation.ids import new_id
from core.lending.origination import applications, decisions
from core.lending.origination.applications import Change
from core.lending.origination.decisions import Decider
from core.lending.servicing.kinds.disbursement import DisbursementKind
from tests.lending.lender import OFFICER


@pytest.fixture(autouse=True)
async def sound_books(lender):
    yield
    await lender.verify()


async def decide(lender, step, *args, by=OFFICER, **fields):
    async with lender.quiet.database.unit_of_work() as unit:
        decider = Decider(by, await lender.today())
        made = await step(unit, lender.quiet.intake, *args, decider, **fields)
        await unit.commit()
    return made


async def change(lender, loan_id, **fields):
    async with lender.quiet.database.unit_of_work() as unit:
        today = await lender.today()
        await applications.update(unit.connection, loan_id, Change(**fields), today, by=OFFICER)
        await unit.commit()


async def test_the_products_limits_hold(lender):
    product = await lender.product(
        "narrow", min_amount=100, max_amount=1_000, max_tenure_months=24, max_rate=20
    )
    borrower = await lender.borrower()
    for fields in (
        {"amount": 99},
        {"amount": 1_001},
        {"amount": 500, "tenure_months": 25},
    ):
        with pytest.raises(LoanNotEligible):
            await lender.apply(borrower, product=product, **fields)
    loan_id = await lender.apply(borrower, 500, product=product)
    with pytest.raises(LoanNotEligible):
        await change(lender, loan_id, interest_rate=Decimal(21))
    with pytest.raises(LoanNotEligible):
        await lender.approve(loan_id, interest_rate=Decimal(21))
    assert (await lender.view(loan_id)).status == "pending"


async def test_a_product_that_is_unknown_or_switched_off_lends_nothing(lender):
    borrower = await lender.borrower()
    with pytest.raises(LoanProductNotFound):
        await lender.apply(borrower, product="unheard-of")
    await lender.product("off")
    await lender.execute("UPDATE loan_products SET enabled = false WHERE code = 'off'")
    with pytest.raises(LoanProductNotFound):
        await lender.apply(borrower, product="off")


async def test_a_tenure_that_is_no_whole_number_of_periods_makes_no_schedule(lender):
    product = await lender.product("quarters", frequency="quarterly")
    borrower = await lender.borrower()
    with pytest.raises(InvalidLoanTerms):
        await lender.apply(borrower, product=product, tenure_months=13)


async def test_the_loan_goes_to_an_active_account_of_the_borrowers_own(lender):
    borrower, other = await lender.borrower(), await lender.borrower()
    with pytest.raises(AccountNotFound):
        await lender.apply(borrower, account=str(other.account_id))
    with pytest.raises(NoPrimaryAccount):
        await lender.apply(borrower, account=None)
    await lender.execute("UPDATE accounts SET status='frozen' WHERE id=$1", borrower.account_id)
    with pytest.raises(AccountFrozen):
        await lender.apply(borrower)


async def test_who_applies_never_decides(lender):
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower)
    with pytest.raises(FourEyes):
        await decide(lender, decisions.approve, loan_id, by=borrower.user_id)
    async with lender.quiet.database.unit_of_work() as unit:
        own = Decider(borrower.user_id, await lender.today())
        with pytest.raises(FourEyes):
            await decisions.reject(unit.connection, loan_id, own, None)
        await unit.commit()


async def test_a_loan_keeps_the_terms_it_was_made_with(lender):
    product = await lender.product("changing", late_fee_percent=1)
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower, product=product)
    await lender.product("changing", late_fee_percent=50)
    assert (await lender.view(loan_id)).terms.late_fee_percent == 1


async def test_two_parallel_approvals_pay_out_once(lender):
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower)
    results = await asyncio.gather(
        *(lender.approve(loan_id) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(result, LoanStateConflict) for result in results) == 5
    await lender.settle()
    assert await lender.balance(borrower) == 12_000_00
    assert len(await lender.transactions(loan_id, "disbursement")) == 1


async def test_fifty_parallel_applications_share_one_income(lender):
    borrower = await lender.borrower()
    loans = await asyncio.gather(
        *(lender.apply(borrower, 1_000, monthly_income=Decimal(1_000)) for _ in range(50))
    )
    views = [await lender.view(loan_id) for loan_id in loans]
    fitting = [view for view in views if view.assessment.recommendation != "decline"]
    assert len(fitting) == 5  # 88.85 a month each, under a ceiling of 500
    assert sum(view.emi_minor for view in fitting) <= 500_00


async def test_approving_in_parallel_does_not_stretch_the_income_either(lender):
    borrower = await lender.borrower()
    loans = [await lender.apply(borrower, 1_000, monthly_income=Decimal(200)) for _ in range(3)]
    results = await asyncio.gather(
        *(lender.approve(loan_id) for loan_id in loans), return_exceptions=True
    )
    assert sum(isinstance(result, OverrideReasonRequired) for result in results) == 2


async def test_a_disbursement_that_was_set_aside_can_be_made_again(lender, monkeypatch):
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower)
    transaction_id = await lender.approve(loan_id)

    async def breaks(*_):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(DisbursementKind, "load", breaks)
        for _ in range(3):
            await lender.settle()
    assert await lender.quiet.states([transaction_id]) == [("failed", "internal")]
    assert await lender.value("SELECT disbursement_failure FROM loans WHERE id = $1", loan_id)
    await decide(lender, decisions.disburse_again, loan_id)
    with pytest.raises(LoanStateConflict):
        await decide(lender, decisions.disburse_again, loan_id)
    await lender.settle()
    assert (await lender.view(loan_id)).status == "active"
    assert await lender.balance(borrower) == 12_000_00


async def test_a_deleted_application_is_gone(lender):
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower)
    async with lender.quiet.database.unit_of_work() as unit:
        await decisions.delete(unit.connection, loan_id, by=OFFICER)
        await unit.commit()
    with pytest.raises(LoanNotFound):
        await lender.approve(loan_id)
    with pytest.raises(LoanNotFound):
        await lender.approve(new_id())


async def test_a_debt_in_another_currency_is_seen_though_no_ratio_can_add_it_up(lender):
    borrower = await lender.borrower(balance_minor=50_000_00)
    yen = await lender.quiet.account(currency="JPY")
    await lender.execute("UPDATE accounts SET owner_id = $2 WHERE id = $1", yen, borrower.user_id)
    await lender.apply(borrower, 1_000_000, account=str(yen))
    loan_id = await lender.apply(borrower, 1_000)
    assessment = (await lender.view(loan_id)).assessment
    assert assessment.recommendation == "refer"
    assert any("JPY" in reason for reason in assessment.reasons)


async def test_a_good_record_is_earned_by_an_instalment_that_was_due_not_by_a_loan(lender):
    good = "Earlier loans were always paid on time"
    borrower = await lender.borrower(balance_minor=50_000_00)
    first = await lender.loan(borrower, 1_000)
    await lender.pay(borrower, first, mode="foreclose")
    await lender.loan(borrower, 1_000)
    after_a_day = (await lender.view(await lender.apply(borrower, 1_000))).assessment
    assert good not in after_a_day.reasons
    due = (await lender.schedule(await lender.loan(borrower, 1_000))).lines[0].line.due_date
    await lender.close_through(due)
    after_a_month = (await lender.view(await lender.apply(borrower, 1_000))).assessment
    assert good in after_a_month.reasons
