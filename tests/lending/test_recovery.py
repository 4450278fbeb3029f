"""Default and recovery: classes, cases, set-off, restructure, settlement, write-off."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from core.foundation.errors import Forbidden, LoanNotEligible, LoanStateConflict, NothingDue
from core.lending.collections import case_work
from core.lending.collections.case_work import CaseOfficer
from core.lending.origination import decisions
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.steps import DEFAULT_RECOVERY
from tests.lending.lender import OFFICER, SUBMITTING

EMI = 1_066_19


@pytest.fixture(autouse=True)
async def sound_books(lender):
    yield
    await lender.verify()


@pytest.fixture
async def officer(lender):
    await lender.execute(
        "INSERT INTO users (id, email, password_hash, role, status, created_at)"
        " VALUES ($1, 'officer@example.org', 'x', 'officer', 'active', now())"
        " ON CONFLICT DO NOTHING",
        OFFICER,
    )
    return OFFICER


async def broke(lender, **fields):
    """A borrower who spends the loan and pays nothing; the first due date."""
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, **fields)
    await lender.withdraw_all(borrower)
    return borrower, loan_id, (await lender.schedule(loan_id)).lines[0].line.due_date


async def act(lender, step, loan_id, *args, admin=False, **fields):
    """A step of an officer's or an admin's, and its settlement."""
    async with lender.quiet.database.unit_of_work() as unit:
        officer = CaseOfficer(OFFICER, admin, await lender.today())
        doors = (unit, lender.quiet.intake) if step in SUBMITTING else (unit,)
        done = await step(*doors, loan_id, officer, *args, **fields)
        await unit.commit()
    await lender.settle()
    return done


async def restructure(lender, loan_id, interest_rate):
    """A new schedule over 24 months, at a rate of its own or at the loan's."""
    await act(
        lender,
        case_work.restructure,
        loan_id,
        tenure_months=24,
        interest_rate=interest_rate,
        calendar=CollectionCalendar(),
    )


async def case(lender, loan_id):
    async with lender.quiet.database.read() as reader:
        return await case_work.find_case(reader, loan_id)


async def hide(lender, loan_id):
    async with lender.quiet.database.unit_of_work() as unit:
        await decisions.delete(unit.connection, loan_id, by=OFFICER)
        await unit.commit()


async def standing(lender, loan_id):
    loan = await lender.view(loan_id)
    return loan.dpd, loan.classification, loan.in_default


async def test_the_classes_follow_the_days_and_default_opens_a_case_once(lender):
    _, loan_id, due = await broke(lender)
    for days, expected in (
        (-1, (0, "standard", False)),
        (0, (1, "sma0", False)),
        (29, (30, "sma0", False)),
        (30, (31, "sma1", False)),
        (60, (61, "sma2", False)),
        (89, (90, "sma2", False)),
        (90, (91, "npa", True)),
    ):
        await lender.close_through(due + timedelta(days=days))
        assert await standing(lender, loan_id) == expected
    await lender.close_through(due + timedelta(days=95))
    cases = await lender.rows("SELECT id FROM recovery_cases WHERE loan_id = $1", loan_id)
    assert len(cases) == 1
    assert (await lender.notices(loan_id)).count("loan_default") == 1


async def test_a_part_payment_does_not_upgrade_an_npa_but_all_arrears_do(lender):
    borrower, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=100))
    # Set-off takes what comes in at the day's end; pay most of the arrears first.
    await lender.deposit(borrower, 1_500_00)
    await lender.pay(borrower, loan_id, "1500")
    await lender.settle()
    await lender.close_through(due + timedelta(days=101))
    assert (await lender.view(loan_id)).classification == "npa"
    await lender.deposit(borrower, 9_000_00)
    await lender.pay(borrower, loan_id)
    await lender.settle()
    await lender.close_through(due + timedelta(days=102))
    assert await standing(lender, loan_id) == (0, "standard", False)
    assert (await case(lender, loan_id)).stage == "closed"


async def test_the_worst_loan_marks_all_loans_of_the_borrower(lender):
    borrower, bad, due = await broke(lender)
    await lender.product("no-set-off", set_off=False)
    await lender.deposit(borrower, 100)
    good = await lender.loan(borrower, 100, tenure_months=36, product="no-set-off")
    for _ in range(4):
        await lender.pay(borrower, good)
        await lender.settle()
    await lender.take_out(borrower.account_id, await lender.balance(borrower))
    await lender.close_through(due + timedelta(days=91))
    assert (await lender.view(bad)).classification == "npa"
    assert await standing(lender, good) == (0, "npa", False)


async def test_set_off_takes_the_due_amount_from_other_accounts_and_never_their_overdraft(lender):
    borrower, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=80))
    poor = await lender.second_account(borrower, 100_00)
    await lender.execute("UPDATE accounts SET overdraft_limit_minor = 500000 WHERE id = $1", poor)
    rich = await lender.second_account(borrower, 90_000_00)
    await lender.close_through(due + timedelta(days=90))
    assert await lender.quiet.balance(poor) == 0
    assert await standing(lender, loan_id) == (0, "standard", False)
    taken = 90_000_00 - await lender.quiet.balance(rich)
    paid = sum(view.line.paid.total for view in (await lender.schedule(loan_id)).lines)
    assert taken + 100_00 == paid
    found = await case(lender, loan_id)
    assert found.stage == "closed"
    actions = [step.action for step in found.history]
    assert actions == ["opened", "stage", "set_off", "set_off", "closed"]


async def test_the_set_offs_of_one_step_are_found_again_by_the_first(lender, officer):
    borrower, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=40))
    for balance_minor in (10_00, 20_00, 30_00):
        await lender.second_account(borrower, balance_minor)
    ids = await act(lender, case_work.set_off, loan_id)
    await lender.second_account(borrower, 5_00)
    later = await act(lender, case_work.set_off, loan_id)
    assert (len(ids), len(later)) == (3, 1)
    async with lender.quiet.database.read() as reader:
        assert await case_work.set_off_by(reader, loan_id, ids[0]) == ids
        assert await case_work.set_off_by(reader, loan_id, later[0]) == later
        assert await case_work.set_off_by(reader, loan_id, loan_id) == []


async def test_an_earlier_date_assessed_later_makes_no_loan_younger(lender):
    _, loan_id, due = await broke(lender)
    await lender.job(DEFAULT_RECOVERY, due + timedelta(days=120))
    await lender.job(DEFAULT_RECOVERY, due + timedelta(days=5))
    assert await standing(lender, loan_id) == (121, "npa", True)


async def test_default_recovery_as_a_job_of_its_own_needs_no_closed_days(lender):
    _, loan_id, due = await broke(lender)
    run = await lender.job(DEFAULT_RECOVERY, due + timedelta(days=120))
    assert run.status == "completed"
    assert await standing(lender, loan_id) == (121, "npa", True)
    assert (await case(lender, loan_id)).stage == "set_off"


async def test_a_restructured_loan_gets_a_new_schedule_and_keeps_the_old_one(lender, officer):
    borrower, loan_id, due = await broke(lender)
    await lender.deposit(borrower, 300_00)
    await lender.close_through(due + timedelta(days=40))
    old = await lender.schedule(loan_id)
    await restructure(lender, loan_id, Decimal(9))
    loan, new = await lender.view(loan_id), await lender.schedule(loan_id)
    assert loan.status == "restructured"
    assert (loan.dpd, loan.interest_rate, loan.tenure_months) == (0, 9, 24)
    assert sum(view.line.asked.principal for view in new.lines) == 12_000_00
    kept = await lender.value(
        "SELECT count(*) FROM loan_instalments WHERE loan_id = $1 AND superseded_at IS NOT NULL",
        loan_id,
    )
    assert kept == len(old.lines)
    await lender.deposit(borrower, 50_000_00)
    await lender.close_through(new.lines[-1].line.due_date)
    assert (await lender.view(loan_id)).status == "closed"


async def test_restructuring_downgrades_and_one_instalment_upgrades_nothing(lender, officer):
    product = await lender.product("specified", specified_period_days=50)
    borrower, loan_id, due = await broke(lender, product=product)
    await lender.close_through(due + timedelta(days=10))
    assert await standing(lender, loan_id) == (11, "sma0", False)
    await restructure(lender, loan_id, None)
    day = await lender.today()
    await lender.close_through(day + timedelta(days=1))
    assert await standing(lender, loan_id) == (0, "npa", False)
    # When the arrears, and whatever falls due, are paid
    await lender.deposit(borrower, 5_000_00)
    await lender.close_through(day + timedelta(days=49))
    assert await standing(lender, loan_id) == (0, "npa", False)
    # Then it is standard again when the specified period has passed
    await lender.close_through(day + timedelta(days=50))
    assert await standing(lender, loan_id) == (0, "standard", False)


async def test_a_specified_period_that_was_broken_begins_again(lender, officer):
    product = await lender.product("specified-again", specified_period_days=70)
    borrower, loan_id, due = await broke(lender, product=product)
    await lender.close_through(due + timedelta(days=10))
    await restructure(lender, loan_id, None)
    first = (await lender.schedule(loan_id)).lines[0].line.due_date
    await lender.close_through(first + timedelta(days=31))
    until = "SELECT specified_until FROM loans WHERE id = $1"
    assert await lender.value(until, loan_id) == date.max
    await lender.deposit(borrower, 20_000_00)
    await lender.pay(borrower, loan_id)
    await lender.settle()
    paid = first + timedelta(days=32)
    await lender.close_through(paid)
    assert (await standing(lender, loan_id))[:2] == (0, "npa")
    assert await lender.value(until, loan_id) == paid + timedelta(days=70)


async def test_a_restructuring_keeps_to_the_products_rates(lender, officer):
    _, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=40))
    with pytest.raises(LoanNotEligible):
        await restructure(lender, loan_id, Decimal(61))
    assert (await lender.view(loan_id)).status == "active"


async def test_an_npa_that_is_paid_off_ends_as_standard(lender):
    borrower, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=91))
    assert (await lender.view(loan_id)).classification == "npa"
    await lender.deposit(borrower, 20_000_00)
    await lender.pay(borrower, loan_id, mode="foreclose")
    await lender.settle()
    loan = await lender.view(loan_id)
    assert (loan.status, loan.classification, loan.in_default) == ("foreclosed", "standard", False)


async def test_a_settlement_takes_less_and_writes_the_difference_off(lender, officer):
    borrower, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=91))
    await lender.deposit(borrower, 4_000_00)
    await act(lender, case_work.settle, loan_id, Decimal(4_000))
    loan = await lender.view(loan_id)
    assert (loan.status, loan.outstanding_principal_minor) == ("settled", 0)
    assert await lender.balance(borrower) == 0
    lost = await lender.value(
        "SELECT principal_written_off_minor FROM loans WHERE id = $1", loan_id
    )
    assert lost > 8_000_00
    assert (await case(lender, loan_id)).stage == "closed"


async def test_a_settlement_without_the_money_leaves_the_loan_as_it_was(lender, officer):
    _, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=91))
    await act(lender, case_work.settle, loan_id, Decimal(4_000))
    assert (await lender.view(loan_id)).status == "active"
    history = [step.action for step in (await case(lender, loan_id)).history]
    assert history[-1] == "settle_failed"


async def test_only_an_admin_writes_off_and_what_comes_later_is_income(lender, officer):
    borrower, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=200))
    assert "write_off_proposed" in [s.action for s in (await case(lender, loan_id)).history]
    with pytest.raises(Forbidden):
        await act(lender, case_work.write_off, loan_id, "Moved away")
    await act(lender, case_work.write_off, loan_id, "Moved away", admin=True)
    loan = await lender.view(loan_id)
    assert (loan.status, loan.outstanding_principal_minor) == ("written_off", 0)
    with pytest.raises(LoanStateConflict):
        await act(lender, case_work.write_off, loan_id, "Twice", admin=True)

    income = "SELECT coalesce(sum(amount_minor), 0) FROM postings WHERE ledger_code = '4300'"
    before = await lender.value(income)
    await lender.deposit(borrower, 500_00)
    await lender.pay(borrower, loan_id, "500")
    await lender.settle()
    assert await lender.value(income) == before + 500_00
    collected = len(await lender.transactions(loan_id, "emi"))
    await lender.close_through(due + timedelta(days=260))
    assert len(await lender.transactions(loan_id, "emi")) == collected
    assert (await lender.view(loan_id)).status == "written_off"


async def test_what_is_recovered_after_a_write_off_is_in_the_case_until_it_is_all_of_it(
    lender, officer
):
    borrower, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=100))
    await act(lender, case_work.write_off, loan_id, "Moved away", admin=True)
    await lender.deposit(borrower, 20_000_00)
    await lender.pay(borrower, loan_id, "500")
    await lender.settle()
    found = await case(lender, loan_id)
    assert (found.stage, found.history[-1].detail) == (
        "write_off",
        "500 EUR came in after the write-off",
    )
    with pytest.raises(LoanStateConflict):
        await hide(lender, loan_id)
    await lender.pay(borrower, loan_id)
    await lender.settle()
    assert (await case(lender, loan_id)).stage == "closed"
    with pytest.raises(NothingDue):
        await lender.pay(borrower, loan_id, "1")
    await hide(lender, loan_id)


async def test_a_case_says_who_did_what_and_its_officer_is_told(lender, officer):
    _, loan_id, due = await broke(lender)
    await lender.close_through(due + timedelta(days=91))
    await act(lender, case_work.assign, loan_id, officer)
    found = await case(lender, loan_id)
    assert [step.actor for step in found.history] == ["system", "system", "officer@example.org"]
    assert found.history[-1].detail == "Assigned to officer@example.org"
    told = await lender.rows(
        "SELECT kind FROM notifications WHERE user_id = $1 AND loan_id = $2", officer, loan_id
    )
    assert [row["kind"] for row in told] == ["recovery_assigned"]


async def test_nothing_can_be_noted_on_a_loan_without_debt(lender, officer):
    borrower = await lender.borrower()
    loan_id = await lender.apply(borrower)
    with pytest.raises(LoanStateConflict):
        await act(lender, case_work.note, loan_id, "Called")
