"""What is paid before its time: it never costs more than what is owed, and nothing of it is lost.

No database: loans on their books, as a unit of work holds them.
"""

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.foundation.errors import NothingDue
from core.lending.amortisation import PrepaymentMode
from core.lending.details import PaymentMode
from core.lending.origination.basis import Basis
from core.lending.origination.products import ProductTerms
from core.lending.servicing import paying
from core.lending.servicing.allocation import Split, total
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.endings import foreclose, restructure, settle, write_off
from core.lending.servicing.loan_book import LoanBook
from core.lending.servicing.payments import plan
from core.lending.servicing.payoff import payoff
from core.lending.servicing.schedules import prepay, start_schedule
from core.lending.states import Classification, LoanEvent, LoanStatus

NOBODY = UUID(int=0)
EVERY_DAY = CollectionCalendar()
APRIL = date(2026, 4, 1)  # the first month has 30 days
EMI = 1_066_19
PREPAYMENTS = list(paying.PREPAYMENTS)


def lent(
    amount: int = 12_000_00,
    months: int = 12,
    rate: str = "12",
    start: date = APRIL,
    **terms: object,
) -> LoanBook:
    """A loan that is paid out, by default 12,000 at 12 percent over 12 months."""
    product = ProductTerms.model_validate(terms)
    book = LoanBook(
        id=NOBODY, user_id=NOBODY, account_id=NOBODY, status=LoanStatus.APPROVED, currency="EUR",
        amount=amount, rate=Decimal(rate), terms=product, fee=0, emi=0,
        disbursement_transaction_id=None, outstanding=amount, repaid=0, principal_written_off=0,
        interest_accrued=0, interest_paid=0, written_off=0, recovered=0, version=0, basis=None,
        window=None, tenure_months=months, dpd=0, classification=Classification.STANDARD,
        in_default=False,
    )  # fmt: skip
    book.move(LoanEvent.ACTIVATE)
    basis = Basis(start, amount, book.rate, product.instalments(months))
    start_schedule(book, basis, EVERY_DAY)
    return book


def pay(
    book: LoanBook, on: date, amount: int | None = None, mode: PaymentMode = PaymentMode.DUE
) -> int:
    """Pay as a customer does; answers what was taken."""
    major = None if amount is None else Decimal(amount) / 100
    offered, meant = plan(book, major, mode, on)
    payment = paying.resolve(book, meant, offered)
    ending = paying.pay(book, payment, EVERY_DAY)
    assert ending.paid.total == payment.amount
    return payment.amount


def numbers(book: LoanBook) -> list[int]:
    return [line.number for line in book.current()]


def three_months_ahead() -> LoanBook:
    book = lent()
    assert [pay(book, APRIL) for _ in range(3)] == [EMI] * 3
    return book


def test_interest_paid_for_time_that_has_not_passed_reduces_the_payoff():
    """12,000.00 and the 120.00 of a month, less the 3,198.57 that were paid."""
    book, on = three_months_ahead(), APRIL + timedelta(days=30)
    owed = payoff(book, on)
    assert owed.total == owed.principal == 12_000_00 + 120_00 - 3_198_57 == 8_921_43
    foreclose(book, on)
    assert book.status is LoanStatus.FORECLOSED
    assert (book.outstanding, book.interest_paid, book.interest_accrued) == (0, 120_00, 120_00)


def test_a_prepayment_credits_it_and_leaves_paid_instalments_paid():
    book, on = three_months_ahead(), APRIL + timedelta(days=30)
    pay(book, on, 2_000_00, PaymentMode.PREPAY_REDUCE_EMI)
    assert payoff(book, on).total == 8_921_43 - 2_000_00
    first, *_, third, fourth = book.current()[:4]
    assert [line.paid.total for line in (first, third)] == [EMI, EMI]
    assert fourth.prepaid == 2_000_00
    assert fourth.due_date == date(2026, 8, 1)
    # Three months (May, June, July) and the month of the instalment, on what is left
    assert fourth.asked.interest == fourth.accrues == 69_21 * 3 + 1


def test_a_restructuring_credits_it():
    book, on = three_months_ahead(), APRIL + timedelta(days=30)
    restructure(book, 6, Decimal(12), on, EVERY_DAY)
    assert book.outstanding == payoff(book, on).total == 8_921_43


def test_a_settlement_and_a_write_off_lose_no_more_than_is_owed():
    on = APRIL + timedelta(days=30)
    settled, lost = three_months_ahead(), three_months_ahead()
    ending = settle(settled, 5_000_00, on)
    assert (ending.paid.total, ending.lost) == (5_000_00, Split(principal=3_921_43))
    assert settled.interest_accrued == settled.interest_paid
    assert write_off(lost, on).lost == Split(principal=8_921_43)
    assert lost.interest_accrued == lost.interest_paid
    assert total(line.asked for line in lost.current()).principal == 12_000_00


def test_a_moratorium_earns_from_the_first_day_whenever_it_asks():
    """Two whole months and 27 of 31 days: 240.00 and 104.52."""
    june = date(2026, 6, 1)
    book = lent(start=june, moratorium_months=3, interest_moratorium_months=3)
    assert payoff(book, june + timedelta(days=88)).total == 12_344_52


@pytest.mark.parametrize("mode", PREPAYMENTS)
def test_a_prepayment_in_a_moratorium_loses_nothing_of_what_was_deferred(mode):
    june = date(2026, 6, 1)
    book = lent(start=june, moratorium_months=3, interest_moratorium_months=3)
    on = june + timedelta(days=61)  # two months: 240.00
    pay(book, on, 6_000_00, mode)
    assert payoff(book, on).total == 6_240_00
    paying_first = next(line for line in book.current() if line.asked.interest)
    # The third month on half the loan, and the fourth
    assert paying_first.number == 4
    assert paying_first.asked.interest == 240_00 + 60_00 + 60_00


def test_a_restructured_loan_has_no_second_moratorium():
    book = lent(moratorium_months=2, interest_moratorium_months=2)
    restructure(book, 12, Decimal(12), APRIL + timedelta(days=10), EVERY_DAY)
    first = book.current()[0]
    assert first.asked.interest == 40_00 + 120_00  # ten days, and a month
    assert first.asked.principal == book.emi - 120_00
    assert first.next_attempt_on == first.due_date


def test_a_prepayment_leaves_alone_what_a_restructuring_has_folded():
    book = lent()
    pay(book, APRIL, 500_00)
    restructure(book, 12, Decimal(12), APRIL, EVERY_DAY)
    pay(book, APRIL, 1_000_00, PaymentMode.PREPAY_REDUCE_EMI)
    hold(book)
    folded, first = book.current()[:2]
    assert (folded.paid, folded.accrues) == (Split(principal=500_00), 0)
    assert (first.prepaid, first.accrues) == (1_000_00, 105_00)


def test_interest_first_means_the_interest_that_is_due():
    book = lent(interest_first=True)
    due = book.current()[0].due_date
    assert pay(book, due, EMI + 50_00) == EMI + 50_00
    first, second = book.current()[:2]
    assert first.paid_on == due
    assert second.paid == Split(interest=50_00)


@pytest.mark.parametrize("interest_first", [True, False])
def test_all_that_is_due_comes_before_anything_that_is_not(interest_first):
    book = lent(interest_first=interest_first)
    second = book.current()[1].due_date
    pay(book, second, 2 * EMI - 1)
    assert [line.paid.total for line in book.current()[:3]] == [EMI, EMI - 1, 0]


def test_a_shortened_loan_stays_short_when_its_emi_is_reduced():
    book = lent()
    pay(book, APRIL, 3_000_00, PaymentMode.PREPAY_REDUCE_TENURE)
    assert numbers(book)[-1] == 9
    due = book.current()[0].due_date
    pay(book, due)
    pay(book, due, 1_000_00, PaymentMode.PREPAY_REDUCE_EMI)
    assert numbers(book)[-1] == 9
    assert book.emi < EMI


def test_equal_principals_stay_what_a_prepayment_made_them():
    book = lent(method="equal_principal")
    pay(book, APRIL, 6_000_00, PaymentMode.PREPAY_REDUCE_EMI)
    assert {line.asked.principal - line.prepaid for line in book.current()} == {500_00}
    pay(book, APRIL, 1_000_00, PaymentMode.PREPAY_REDUCE_TENURE)
    assert {line.asked.principal - line.prepaid for line in book.current()} == {500_00}
    assert numbers(book)[-1] == 10


def test_two_large_payments_at_once_take_no_more_than_is_owed():
    book = lent()
    offers = [plan(book, Decimal(11_900), PaymentMode.DUE, APRIL) for _ in range(2)]
    taken = []
    for offered, meant in offers:
        payment = paying.resolve(book, meant, offered)
        taken.append(payment.amount)
        paying.pay(book, payment, EVERY_DAY)
    assert taken == [11_900_00, 100_00]
    assert book.status is LoanStatus.FORECLOSED


def test_the_last_instalment_paid_early_costs_the_payoff():
    book = lent(1_000_00, months=1)
    assert pay(book, APRIL) == 1_000_00
    assert book.status is LoanStatus.FORECLOSED


def test_without_the_fee_for_ending_early_a_payment_takes_the_debt_at_most():
    book = lent(foreclosure_fee_percent=2)
    assert pay(book, APRIL, 12_100_00) == 12_000_00
    assert payoff(book, APRIL).principal == 0
    with pytest.raises(NothingDue):
        pay(book, APRIL, 10_00)
    later = book.current()[-1].due_date
    for line in book.current():
        if line.paid_on is None:
            pay(book, line.due_date)
    assert book.status is LoanStatus.CLOSED
    assert book.interest_accrued == book.interest_paid
    assert later == date(2027, 4, 1)


terms = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["reducing", "flat", "equal_principal", "bullet"]),
        "day_count": st.sampled_from(["30/360", "actual/365", "actual/360", "actual/actual"]),
        "moratorium_months": st.integers(0, 3),
        "interest_moratorium_months": st.integers(0, 3),
        "interest_first": st.booleans(),
        "rounding": st.sampled_from(["half_up", "half_even", "up", "down"]),
    }
)
steps = st.lists(
    st.tuples(
        st.integers(0, 45),
        st.sampled_from([None, *PREPAYMENTS, "restructure"]),
        st.integers(1, 400_000),
    ),
    max_size=6,
)


@given(terms, st.integers(100, 2_000_000), st.sampled_from([6, 12]), steps)
@settings(deadline=None, max_examples=300)
def test_whatever_is_paid_when_and_how_reduces_what_is_owed_by_just_that(
    product, amount, months, life
):
    book, on = lent(amount, months, rate="17.35", **product), APRIL
    for days, step, offered in life:
        on += timedelta(days=days)
        before = payoff(book, on).total
        if step == "restructure":
            restructure(book, 6, Decimal(9), on, EVERY_DAY)
            taken = 0
        else:
            try:
                taken = pay(book, on, offered, step or PaymentMode.DUE)
            except NothingDue:
                continue
        hold(book)
        if book.status not in {LoanStatus.ACTIVE, LoanStatus.RESTRUCTURED}:
            assert taken == before
            return
        assert payoff(book, on).total == before - taken
    for line in book.current():
        on = max(on, line.due_date)
        if line.paid_on is None and book.due(on):
            pay(book, on)
    assert book.status in {LoanStatus.CLOSED, LoanStatus.FORECLOSED}
    assert book.interest_accrued == book.interest_paid


def hold(book: LoanBook) -> None:
    """Every promise of a schedule."""
    lines = book.current()
    asked, paid = total(line.asked for line in lines), total(line.paid for line in lines)
    assert asked.principal == book.amount
    assert (paid.principal, paid.interest) == (book.repaid, book.interest_paid)
    assert book.outstanding == book.amount - book.repaid >= 0
    balance = book.amount
    for line in lines:
        assert (line.paid_on is None) == bool(line.unpaid.total)
        assert min(line.unpaid.principal, line.unpaid.interest, line.accrues) >= 0
        assert 0 <= line.prepaid <= line.paid.principal
        assert line.opening == balance
        balance -= line.asked.principal
    if book.status in {LoanStatus.ACTIVE, LoanStatus.RESTRUCTURED}:
        to_come = sum(line.accrues for line in lines if line.due_date > book.window.end)
        assert book.interest_accrued + book.window.rest_minor + to_come >= asked.interest


def test_a_prepayment_needs_an_instalment_to_come():
    book = lent(1_000_00, months=1)
    due = book.current()[0].due_date
    book.accrue_to(due)
    with pytest.raises(ValueError, match="to come"):
        prepay(book, 1, PrepaymentMode.REDUCE_EMI, due, EVERY_DAY)
