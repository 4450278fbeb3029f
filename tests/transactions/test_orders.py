"""Each kind of order knows on which side the customer stands, and what stands in for the bank."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from core.ledger.chart import LedgerCode
from core.lending import orders as lending
from core.lending.details import CollectionDetails, DisbursementDetails
from core.transactions import orders
from core.transactions.kinds import TransactionType
from core.transactions.orders import BankOrder, Order, Party

ANNA, BERT = Party("1000000009"), Party("1000000017")
TEN = Decimal(10)
LOAN, ACCOUNT, OFFICER = UUID(int=1), UUID(int=2), UUID(int=3)
DAY = date(2026, 11, 21)

# The order, who is debited, who is credited (None: the bank), and the bank's account.
MADE: Sequence[tuple[Order, Party | None, Party | None, LedgerCode | None]] = [
    (orders.transfer(ANNA, BERT, TEN), ANNA, BERT, None),
    (orders.deposit(ANNA, TEN), None, ANNA, LedgerCode.CASH),
    (orders.withdrawal(ANNA, TEN), ANNA, None, LedgerCode.CASH),
    (orders.credit_by_hand(ANNA, TEN, approval_id=None), None, ANNA, LedgerCode.SUSPENSE),
    (orders.debit_by_hand(ANNA, TEN, approval_id=None), ANNA, None, LedgerCode.SUSPENSE),
    (orders.payment(ANNA, TEN, payee="x"), ANNA, None, LedgerCode.CLEARING),
    (orders.cashback(ANNA, TEN, payment_id=LOAN), None, ANNA, LedgerCode.CASHBACK_EXPENSE),
    (
        orders.reversal(None, ANNA, TEN, contra_code=LedgerCode.CLEARING.value, reverses=LOAN),
        None,
        ANNA,
        LedgerCode.CLEARING,
    ),
]


@pytest.mark.parametrize(("order", "debit", "credit", "contra"), MADE)
def test_an_order_has_its_sides(
    order: Order, debit: Party | None, credit: Party | None, contra: LedgerCode | None
) -> None:
    assert (order.debit, order.credit) == (debit, credit)
    assert order.contra_code == (None if contra is None else contra.value)
    assert (order.debit is None or order.credit is None) == (contra is not None)


def test_every_simple_kind_has_a_constructor() -> None:
    assert {order.type for order, *_ in MADE} == {kind.value for kind in TransactionType}


def test_what_lending_orders_stands_against_the_loans_receivable() -> None:
    collection = CollectionDetails(LOAN, DAY, version=1, instalment=2, attempt=3, run_id=OFFICER)
    paid_out = lending.disbursement(
        ACCOUNT, 100, "EUR", DisbursementDetails(LOAN, DAY), by=OFFICER, request_id=None
    )
    made: list[BankOrder] = [
        lending.collection(ACCOUNT, 100, "EUR", collection),
        lending.set_off(LOAN, ACCOUNT, 100, "EUR", DAY),
        lending.settlement(LOAN, ACCOUNT, 100, "EUR", DAY, by=OFFICER),
    ]
    assert (paid_out.debit_account_id, paid_out.credit_account_id) == (None, ACCOUNT)
    for order in made:
        assert (order.debit_account_id, order.credit_account_id) == (ACCOUNT, None)
    receivable = LedgerCode.LOANS_RECEIVABLE.value
    assert {order.contra_code for order in [paid_out, *made]} == {receivable}
