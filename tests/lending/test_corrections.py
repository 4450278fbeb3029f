"""A loan's past is put right: undone, adjusted, backdated; what is overpaid goes back."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.foundation.errors import (
    AccountClosed,
    AccountFrozen,
    AccountNotFound,
    Invalid,
    LoanLeft,
    LoanStateConflict,
    NothingDue,
    PayoffNotCovered,
    TransactionNotFound,
)
from core.foundation.ids import new_id
from core.ledger.chart import LedgerCode
from core.lending.collections import case_work, charging
from core.lending.collections.case_work import CaseOfficer
from core.lending.collections.charging import WaiverAsked
from core.lending.corrections import entering
from core.lending.corrections.entering import Corrector
from core.lending.corrections.history import page_of_history
from core.lending.corrections.kinds.correction import Lives
from core.lending.corrections.life import live
from core.lending.corrections.rebuild import figures
from core.lending.details import PaymentMode
from core.lending.servicing.allocation import Component
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.live_loans import refuse_live_loans_of, refuse_live_loans_on
from core.lending.servicing.storage import LoansAtHand
from core.lending.steps import DEFAULT_RECOVERY
from tests.lending.lender import OFFICER

EMI = 1_066_19
PLAIN = {"late_fee_percent": 0, "penal_rate": 0, "default_rate": 0}


@pytest.fixture(autouse=True)
async def sound_books(lender):
    yield
    await lender.verify()


async def lived(lender, loan_id):
    """The loan's figures as they stand today, and as its life leads to them."""
    async with lender.quiet.database.unit_of_work() as unit:
        loans, lives = LoansAtHand(), Lives()
        await loans.load_all(unit.connection, [loan_id])
        await lives.load(unit, [loan_id])
        book = loans.book(loan_id)
        days = lives.days(book, await lender.today(), CollectionCalendar())
        book.accrue_to(days.today)
        return figures(book), figures(live(book, lives.of(book, loans), days).book)


async def act(lender, deed, *, settled=True):
    """What an officer does, settled; answers the transaction that was submitted."""
    async with lender.quiet.database.unit_of_work() as unit:
        today = await lender.today()
        officer = Corrector(OFFICER, today, CollectionCalendar())
        submitted = await deed(unit, officer)
        await unit.commit()
    if settled:
        await lender.settle()
    return submitted


async def adjust(lender, loan_id, payment, amount=None, on=None, *, account=None, settled=True):
    """Put a payment right; ``amount`` in major units."""

    async def deed(unit, officer):
        wanted = await entering.look_at_payment(
            unit,
            loan_id,
            payment,
            officer,
            amount=None if amount is None else Decimal(amount),
            on=on,
            account=account,
        )
        return await entering.adjust(
            unit, lender.quiet.intake, wanted, officer, reason="wrong", run_id=new_id()
        )

    return await act(lender, deed, settled=settled)


async def enter(lender, loan_id, amount, on, mode="due"):
    """Enter a payment for a date."""

    async def deed(unit, officer):
        wanted = await entering.look_at_late_payment(
            unit,
            loan_id,
            officer,
            amount=Decimal(amount),
            on=on,
            mode=PaymentMode(mode),
            from_account=None,
        )
        return await entering.enter(
            unit, lender.quiet.intake, wanted, officer, reason="late", run_id=new_id()
        )

    return await act(lender, deed)


async def refund(lender, loan_id, amount=None, to=None):
    async def deed(unit, officer):
        return await entering.refund(
            unit,
            lender.quiet.intake,
            loan_id,
            officer,
            amount=amount,
            owner_id=None,
            to_account=str(to) if to else None,
        )

    return await act(lender, deed)


async def overpaid(lender, loan_id):
    return await lender.value("SELECT overpaid_minor FROM loans WHERE id = $1", loan_id)


async def status(lender, *transactions):
    return [
        await lender.value("SELECT status FROM transactions WHERE id = $1", known)
        for known in transactions
    ]


async def history(lender, loan_id):
    async with lender.quiet.database.read() as reader:
        return await page_of_history(reader, loan_id, owner_id=None, before_id=None, limit=50)


async def test_a_life_lived_again_leads_to_the_same_book(lender):
    borrower = await lender.borrower(balance_minor=1_200_00)
    loan_id = await lender.loan(borrower)
    await lender.withdraw_all(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due + timedelta(days=40))  # two instalments late, with charges
    await lender.deposit(borrower, 3_500_00)
    await lender.pay(borrower, loan_id, "700")
    await lender.settle()
    now, again = await lived(lender, loan_id)
    assert again == now
    await lender.pay(borrower, loan_id, "2500", "prepay_reduce_emi")
    await lender.settle()
    await lender.close_through(await lender.today() + timedelta(days=25))
    now, again = await lived(lender, loan_id)
    assert again == now


async def test_what_is_paid_beyond_the_debt_is_overpaid_and_refunded(lender):
    """Apache Fineract: 1,000 lent, 450, 450 and 300 paid: 200 are overpaid, and refundable."""
    product = await lender.product("fineract", **PLAIN)
    borrower = await lender.borrower(balance_minor=1_000_00)
    loan_id = await lender.loan(borrower, 1_000, product=product, tenure_months=3)
    today = await lender.today()
    for amount in ("450", "450", "300"):
        await enter(lender, loan_id, amount, today)
    assert (await lender.view(loan_id)).status == "foreclosed"
    assert await overpaid(lender, loan_id) == 200_00
    before = await lender.balance(borrower)
    with pytest.raises(NothingDue):
        await refund(lender, loan_id, Decimal("200.01"))
    await refund(lender, loan_id)
    assert await lender.balance(borrower) == before + 200_00
    assert await overpaid(lender, loan_id) == 0


async def test_overpaid_money_keeps_an_account_and_goes_to_another_one(lender):
    product = await lender.product("stranded", **PLAIN)
    borrower = await lender.borrower(balance_minor=1_000_00)
    loan_id = await lender.loan(borrower, 1_000, product=product, tenure_months=3)
    await enter(lender, loan_id, "1200", await lender.today())
    async with lender.quiet.database.read() as reader:
        with pytest.raises(LoanLeft):
            await refuse_live_loans_on(reader, borrower.account_id)
        with pytest.raises(LoanLeft):
            await refuse_live_loans_of(reader, borrower.user_id)
    other, stranger = await lender.second_account(borrower, 0), await lender.borrower()
    await lender.withdraw_all(borrower)
    closed = "UPDATE accounts SET status = 'closed', closed_at = now() WHERE id = $1"
    await lender.execute(closed, borrower.account_id)
    with pytest.raises(AccountClosed):
        await refund(lender, loan_id)
    with pytest.raises(AccountNotFound):
        await refund(lender, loan_id, to=stranger.account_id)
    await refund(lender, loan_id, to=other)
    assert await lender.quiet.balance(other) == 200_00
    async with lender.quiet.database.read() as reader:
        await refuse_live_loans_of(reader, borrower.user_id)


async def test_a_charged_back_payment_leaves_the_loan_active(lender):
    """Apache Fineract: 750 lent and repaid, 250 of it charged back: active, 250 owed."""
    product = await lender.product("chargeback", **PLAIN)
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, 750, product=product, tenure_months=3)
    paid = await lender.pay(borrower, loan_id, "750")
    await lender.settle()
    assert (await lender.view(loan_id)).status == "foreclosed"
    right = await adjust(lender, loan_id, paid, "500")
    assert await status(lender, right) == ["success"]
    loan = await lender.view(loan_id)
    assert (loan.status, loan.outstanding_principal_minor) == ("active", 250_00)
    assert await lender.balance(borrower) == 250_00
    told = [(x.kind, x.amount_minor, x.stands) for x in await history(lender, loan_id)]
    assert told == [
        ("payment", 500_00, True),
        ("undoing", 750_00, True),
        ("payment", 750_00, False),
        ("disbursement", 750_00, True),
    ]
    with pytest.raises(LoanStateConflict):
        await adjust(lender, loan_id, paid, "0")


async def test_of_two_adjustments_of_one_payment_one_counts(lender):
    product = await lender.product("twice", **PLAIN)
    borrower = await lender.borrower(balance_minor=500_00)
    loan_id = await lender.loan(borrower, 1_500, product=product, tenure_months=3)
    paid = await lender.pay(borrower, loan_id, "1000")
    await lender.settle()
    before = await lender.balance(borrower)
    first = await adjust(lender, loan_id, paid, "900", settled=False)
    second = await adjust(lender, loan_id, paid, "800")
    assert await status(lender, first, second) == ["success", "failed"]
    assert await lender.balance(borrower) == before + 100_00
    told = [(x.kind, x.amount_minor, x.transaction_id) for x in await history(lender, loan_id)]
    assert told[:2] == [("payment", 900_00, first), ("undoing", 1_000_00, first)]
    # What stands in for it is a payment as any other, named by its transaction.
    await adjust(lender, loan_id, first, "1100")
    assert await lender.balance(borrower) == before - 100_00
    assert (await lender.view(loan_id)).outstanding_principal_minor == 400_00


async def test_a_payment_is_for_another_day_after_a_refund_too(lender):
    """Apache Fineract's overpaid loan, its 200 refunded; the first 450 came a day earlier."""
    product = await lender.product("refunded", **PLAIN)
    borrower = await lender.borrower(balance_minor=1_000_00)
    loan_id = await lender.loan(borrower, 1_000, product=product, tenure_months=3)
    began = await lender.today()
    await lender.close_through(began + timedelta(days=2))
    today = await lender.today()
    first, *_ = [await enter(lender, loan_id, amount, today) for amount in ("450", "450", "300")]
    await refund(lender, loan_id)
    before = await lender.balance(borrower)
    right = await adjust(lender, loan_id, first, on=today - timedelta(days=1))
    assert await status(lender, right) == ["success"]
    assert await lender.balance(borrower) == before
    assert await overpaid(lender, loan_id) == 0
    now, again = await lived(lender, loan_id)
    assert again == now


async def test_a_payment_entered_late_costs_nothing_for_the_days_it_was_there(lender):
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower)
    await lender.withdraw_all(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due + timedelta(days=20))
    late = (await lender.line(loan_id, 1)).line
    assert late.asked.penalty > 0
    assert late.late_interest > 0
    await lender.deposit(borrower, EMI)
    entered = await enter(lender, loan_id, "1066.19", due)
    loan, line = await lender.view(loan_id), await lender.line(loan_id, 1)
    assert (loan.dpd, loan.overdue_amount_minor, line.status) == (0, 0, "paid")
    assert (line.line.asked.penalty, line.line.late_interest) == (0, 0)
    # The payment is booked on its day; what was charged since, today.
    paid = line.line.paid
    assert await legs(lender, entered) == {
        ("1100", paid.principal, due), ("1200", paid.interest, due), (None, -EMI, due)
    }  # fmt: skip
    restated = await lender.value(
        "SELECT id FROM transactions WHERE type = 'restatement' AND details->>'loan_id' = $1",
        str(loan_id),
    )
    moved = await legs(lender, restated)
    assert ("1210", late.asked.penalty, await lender.today()) in moved
    assert {on for *_, on in moved} == {await lender.today()}
    worst = "SELECT worst_dpd FROM loans WHERE id = $1"
    assert await lender.value(worst, loan_id) == 0  # nor was the borrower ever late
    assert await lender.balance(borrower) == 0
    assert await moved_on(lender, loan_id, LedgerCode.PENALTY_INCOME) == 0


async def test_an_undone_collection_is_owed_again_with_what_being_late_costs(lender):
    borrower = await lender.borrower(balance_minor=100_00)
    loan_id = await lender.loan(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due + timedelta(days=20))
    collected = (await history(lender, loan_id))[0]
    assert (collected.kind, collected.amount_minor) == ("collection", EMI)
    before = await lender.balance(borrower)
    await adjust(lender, loan_id, collected.event_id, "0")
    assert await lender.balance(borrower) == before + EMI
    loan, line = await lender.view(loan_id), await lender.line(loan_id, 1)
    assert (loan.dpd, line.line.paid.total) == (21, 0)
    assert line.line.asked.penalty > 0
    # It is collected again, as anything that is due.
    await lender.close_through(due + timedelta(days=22))
    assert (await lender.line(loan_id, 1)).status == "paid"
    assert (await lender.view(loan_id)).dpd == 0


async def test_a_payment_of_another_day_moves_no_money_of_the_customer(lender):
    borrower = await lender.borrower(balance_minor=100_00)
    loan_id = await lender.loan(borrower)
    began = await lender.today()
    await lender.close_through(began + timedelta(days=10))
    paid = await lender.pay(borrower, loan_id, "6000", "prepay_reduce_emi")
    await lender.settle()
    before, owed = await lender.balance(borrower), await interest(lender, loan_id)
    right = await adjust(lender, loan_id, paid, on=began)
    assert await lender.balance(borrower) == before
    assert await interest(lender, loan_id) < owed  # ten days less on 6,000
    with pytest.raises(Invalid):
        await adjust(lender, loan_id, right, on=began - timedelta(days=1))
    with pytest.raises(TransactionNotFound):
        await adjust(lender, loan_id, new_id(), "0")


async def interest(lender, loan_id):
    return sum(view.line.asked.interest for view in (await lender.schedule(loan_id)).lines)


@pytest.mark.parametrize("npa_income", ["suspense", "net"])
async def test_what_stands_in_suspense_follows_the_loan(lender, npa_income):
    product = await lender.product(f"npa-{npa_income}", npa_income=npa_income)
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, product=product)
    await lender.withdraw_all(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due + timedelta(days=95))
    assert (await lender.view(loan_id)).classification == "npa"
    await lender.deposit(borrower, 1_500_00)
    paid = await enter(lender, loan_id, "1500", due + timedelta(days=2))
    await lender.verify()
    await adjust(lender, loan_id, paid, "700")
    await lender.verify()
    now, again = await lived(lender, loan_id)
    assert again == now
    await lender.deposit(borrower, 15_000_00)
    await enter(lender, loan_id, "13500", due)
    loan = await lender.view(loan_id)
    assert (loan.status, loan.classification) == ("foreclosed", "standard")


async def test_what_was_waived_from_suspense_was_no_income(lender):
    product = await lender.product("waived-npa", penal_rate=0, late_fee_percent=0)
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower, product=product)
    await lender.withdraw_all(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due + timedelta(days=95))
    assert (await lender.view(loan_id)).classification == "npa"
    async with lender.quiet.database.unit_of_work() as unit:
        officer = CaseOfficer(OFFICER, True, await lender.today())
        asked = WaiverAsked(Component.INTEREST, Decimal(50), "goodwill")
        await charging.waive(unit, loan_id, officer, asked)
        await unit.commit()
    assert await moved_on(lender, loan_id, LedgerCode.WAIVED) == 0
    # Had this been there in time, nothing would have been let go; none of that was income.
    await lender.deposit(borrower, 15_000_00)
    await enter(lender, loan_id, "13500", due)
    assert (await lender.view(loan_id)).status == "foreclosed"
    assert await moved_on(lender, loan_id, LedgerCode.WAIVED) == 0


async def legs(lender, transaction_id):
    rows = await lender.rows(
        "SELECT ledger_code, amount_minor, accounting_date FROM postings WHERE transaction_id = $1",
        transaction_id,
    )
    return {tuple(row) for row in rows}


async def moved_on(lender, loan_id, code):
    return await lender.value(
        "SELECT coalesce(sum(p.amount_minor), 0) FROM postings p JOIN transactions t"
        " ON t.id = p.transaction_id WHERE t.details->>'loan_id' = $1 AND p.ledger_code = $2",
        str(loan_id),
        code.value,
    )


async def test_a_foreclosure_that_falls_short_is_principal_ahead(lender):
    """1,200 at 12 %: 100 paid, the loan foreclosed for 1,100, then the 100 undone: 100 are owed."""
    product = await lender.product("short", **PLAIN | {"default_rate": 12})
    borrower = await lender.borrower(balance_minor=100_00)
    loan_id = await lender.loan(borrower, 1_200, product=product, tenure_months=12)
    paid = await lender.pay(borrower, loan_id, "100", "prepay_reduce_emi")
    await lender.settle()
    await lender.pay(borrower, loan_id, None, "foreclose")
    await lender.settle()
    assert (await lender.view(loan_id)).status == "foreclosed"
    await adjust(lender, loan_id, paid, "0")
    loan = await lender.view(loan_id)
    assert (loan.status, loan.outstanding_principal_minor) == ("active", 100_00)


async def test_a_payment_that_did_not_end_the_loan_is_no_foreclosure(lender):
    borrower = await lender.borrower(balance_minor=12_000_00)
    loan_id = await lender.loan(borrower)
    began = await lender.today()
    await lender.close_through(began + timedelta(days=3))
    for amount in ("5", "11999.99"):
        with pytest.raises(PayoffNotCovered):
            await enter(lender, loan_id, amount, began, "foreclose")
    await enter(lender, loan_id, "12000", began, "foreclose")
    assert (await lender.view(loan_id)).status == "foreclosed"


async def test_money_that_cannot_move_is_refused_at_once(lender):
    borrower = await lender.borrower(balance_minor=500_00)
    loan_id = await lender.loan(borrower)
    other = await lender.second_account(borrower, 0)
    paid = await lender.pay(borrower, loan_id, "500")
    await lender.settle()
    freeze = "UPDATE accounts SET status = 'frozen' WHERE id = $1"
    await lender.execute(freeze, borrower.account_id)
    with pytest.raises(AccountFrozen):
        await adjust(lender, loan_id, paid, "0")
    with pytest.raises(AccountFrozen):
        await enter(lender, loan_id, "1", await lender.today())
    with pytest.raises(AccountNotFound):
        await adjust(lender, loan_id, paid, "0", account=str(new_id()))
    right = await adjust(lender, loan_id, paid, "0", account=str(other))
    assert await status(lender, right) == ["success"]
    balance = "SELECT balance_minor FROM accounts WHERE id = $1"
    assert await lender.value(balance, other) == 500_00


async def test_what_was_given_up_is_not_put_right(lender):
    borrower = await lender.borrower(balance_minor=100_00)
    loan_id = await lender.loan(borrower)
    paid = await lender.pay(borrower, loan_id, "500")
    await lender.settle()
    await write_off(lender, loan_id)
    with pytest.raises(LoanStateConflict):
        await adjust(lender, loan_id, paid, "0")


async def write_off(lender, loan_id):
    async with lender.quiet.database.unit_of_work() as unit:
        officer = CaseOfficer(OFFICER, True, await lender.today())
        await case_work.write_off(unit, loan_id, officer, "hopeless")
        await unit.commit()


async def test_a_recovery_before_a_days_end_does_not_close_the_day_for_the_loan(lender):
    borrower = await lender.borrower()
    loan_id = await lender.loan(borrower)
    await lender.withdraw_all(borrower)
    due = (await lender.line(loan_id, 1)).line.due_date
    await lender.close_through(due + timedelta(days=4))
    # Given default recovery by hand for the next day, and a payment on that day
    await lender.job(DEFAULT_RECOVERY, due + timedelta(days=5))
    await lender.deposit(borrower, 700_00)
    await lender.pay(borrower, loan_id, "700")
    await lender.settle()
    # When the day is closed, then the payment came before that
    await lender.close_through(due + timedelta(days=6))
    now, again = await lived(lender, loan_id)
    assert again == now
