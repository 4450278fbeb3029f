"""Applications and decisions: limits, four eyes, one income, one decision."""

import asyncio
from decimal import Decimal

import asyncpg
import pytest

from api.schemas.loans import LoanAnswer
from core.foundation.errors import (
    AccountFrozen,
    AccountNotFound,
    FourEyes,
    InvalidAmount,
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
from core.lending.origination.assessment import assess
from core.lending.origination.decisions import Decider, Rejection
from core.lending.origination.policy import CURRENT, POLICIES
from core.lending.origination.reasons import ReasonCode
from core.lending.servicing import views
from core.lending.servicing.kinds.disbursement import DisbursementKind
from tests.lending.lender import CREDITOR, OFFICER
from tests.lending.past import grow_older


@pytest.fixture(autouse=True)
async def sound_books(lender):
    yield
    await lender.verify()


async def decide(lender, step, *args, by=OFFICER, **fields):
    async with lender.quiet.database.unit_of_work() as unit:
        decider = Decider(by, await lender.today())
        intake = lender.quiet.intake
        made = await step(unit, intake, *args, decider, creditor=CREDITOR, **fields)
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
            await decisions.reject(unit.connection, loan_id, own, Rejection())
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
    assessed = [(loan_id, await lender.assessment(loan_id)) for loan_id in loans]
    fitting = [await lender.view(id_) for id_, made in assessed if made.recommendation != "decline"]
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
    assessment = await lender.assessment(loan_id)
    assert assessment.recommendation == "refer"
    assert any("JPY" in reason for reason in assessment.reasons)


async def test_a_good_record_is_earned_by_an_instalment_that_was_due_not_by_a_loan(lender):
    good = "Earlier loans were always paid on time"
    borrower = await lender.borrower(balance_minor=50_000_00)
    first = await lender.loan(borrower, 1_000)
    await lender.pay(borrower, first, mode="foreclose")
    await lender.loan(borrower, 1_000)
    after_a_day = await lender.assessment(await lender.apply(borrower, 1_000))
    assert good not in after_a_day.reasons
    due = (await lender.schedule(await lender.loan(borrower, 1_000))).lines[0].line.due_date
    await lender.close_through(due)
    after_a_month = await lender.assessment(await lender.apply(borrower, 1_000))
    assert good in after_a_month.reasons


async def rejected(lender, loan_id, **fields):
    """Turn it down, and answer the codes that the applicant is told."""
    async with lender.quiet.database.unit_of_work() as unit:
        decider = Decider(OFFICER, await lender.today())
        told = await decisions.reject(unit.connection, loan_id, decider, Rejection(**fields))
        await unit.commit()
    shown = (await lender.view(loan_id)).reasons
    assert [(reason["code"], reason["text"]) for reason in shown] == list(told)
    return [reason.code for reason in told]


async def test_a_rejection_tells_what_the_assessment_has_found(lender):
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower, monthly_income=Decimal(500))
    assert (await lender.view(loan_id)).reasons == ()
    assert await rejected(lender, loan_id) == [
        "excessive_obligations",
        "income_unverified",
        "balance_low",
        "short_relationship",
    ]
    kept = await lender.assessment(loan_id)
    assert (kept.occasion, kept.policy_version) == ("rejection", CURRENT.version)
    again = assess(kept.inputs, POLICIES[kept.policy_version])
    assert (again.score, again.foir, again.recommendation) == (
        kept.score,
        kept.foir,
        kept.recommendation,
    )


async def test_an_officers_codes_stand_for_themselves(lender):
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower)
    codes = (ReasonCode.INCOME_UNVERIFIED, ReasonCode.BANKRUPTCY, ReasonCode.OTHER)
    assert await rejected(lender, loan_id, codes=codes, reason="A payslip was forged") == [*codes]
    texts = [reason["text"] for reason in (await lender.view(loan_id)).reasons]
    assert texts[0].startswith("Unable to verify income: 50 % counts")
    assert texts[1:] == ["Bankruptcy", "A payslip was forged"]
    notice = await lender.value(
        "SELECT body FROM notifications WHERE loan_id = $1 AND user_id = $2 AND kind = $3",
        loan_id,
        borrower.user_id,
        "loan_rejected",
    )
    assert all(f"{number}. {text}" in notice for number, text in enumerate(texts, 1))


async def test_an_officers_words_come_first_and_alone_where_nothing_else_speaks_against(lender):
    borrower = await lender.borrower()
    first = await lender.apply(borrower)
    told = await rejected(lender, first, reason="The purpose is not one we finance")
    assert told == ["other", "income_unverified", "balance_low", "short_relationship"]
    # A customer of years, with savings, whose income nothing proves.
    good = await lender.borrower(balance_minor=50_000_00)
    await grow_older(lender, good, "400 days")
    second, third = await lender.apply(good), await lender.apply(good)
    advised = await lender.assessment(second)
    assert advised.recommendation == "approve"
    assert "income_unverified" in [finding.code for finding in advised.findings]
    assert await rejected(lender, second, reason="No branch there") == ["other"]
    await change(lender, third, documented_income=Decimal(100_000))
    # Nobody has named one: they may be asked for.
    assert await rejected(lender, third) == ["reasons_on_request"]


async def test_a_loan_that_nobody_can_read_hides_no_other(lender):
    borrower = await lender.borrower()
    sound, broken = await lender.apply(borrower), await lender.apply(borrower)
    await lender.execute("UPDATE loans SET terms = $2 WHERE id = $1", broken, '{"charges": 5}')
    async with lender.quiet.database.read() as reader:
        page = await views.page_of_loans(
            reader,
            owner_id=borrower.user_id,
            status=None,
            before_id=None,
            limit=10,
            time_zone="UTC",
        )
    shown = [LoanAnswer.of(view) for view in page]
    assert [(loan.loan_id, loan.method) for loan in shown] == [(broken, None), (sound, "reducing")]
    with pytest.raises(LoanStateConflict):
        await lender.schedule(broken)


async def test_every_assessment_is_kept_and_no_program_changes_one(lender):
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower, 1_000, monthly_income=Decimal(150))
    before = await lender.assessment(loan_id)
    assert before.recommendation == "decline"  # 88.85 of 150 declared
    await change(lender, loan_id, documented_income=Decimal(2_000))
    await change(lender, loan_id, documented_income=None)
    await change(lender, loan_id, documented_income=Decimal(2_000))
    with pytest.raises(InvalidAmount) as refused:
        await change(lender, loan_id, documented_income=Decimal("3000.001"))
    assert [error["field"] for error in refused.value.errors] == ["documented_income"]
    await change(lender, loan_id, purpose="A roof")
    await lender.approve(loan_id)
    rows = await lender.rows(
        "SELECT occasion, inputs->'capacity'->>'documented_minor' AS documented"
        " FROM loan_assessments WHERE loan_id = $1 ORDER BY assessed_at",
        loan_id,
    )
    assert [tuple(row) for row in rows] == [
        ("application", None),
        ("change", "200000"),
        ("change", None),
        ("change", "200000"),
        ("change", "200000"),
        ("approval", "200000"),
    ]
    with pytest.raises(asyncpg.PostgresError):
        await lender.execute("UPDATE loan_assessments SET score = 900")
