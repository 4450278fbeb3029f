"""What a transaction carries for its kind: stored as it always was, and refused where it is not."""

import json
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from core.lending.details import (
    AccrualDetails,
    CollectionDetails,
    DisbursementDetails,
    LoanPaymentDetails,
    PaymentMode,
    PenaltyDetails,
    RecoveryAction,
    RecoveryDetails,
    WriteOffDetails,
)
from core.lending.orders import loan_payment
from core.transactions import details
from core.transactions.details import (
    NOTHING_TO_SHOW,
    ApprovedDetails,
    CashbackDetails,
    Details,
    PaymentDetails,
    UnknownDetails,
)
from core.transactions.orders import Order, Party
from tests.quiet import Quiet, transfer_order
from tests.transactions.books import assert_books_are_sound

LOAN, OTHER = UUID(int=5), UUID(int=6)
DAY = date(2026, 11, 21)
ABOUT = {"loan_id": str(LOAN), "business_date": "2026-11-21"}

STORED = [
    (ApprovedDetails(OTHER), {"approval_id": str(OTHER)}),
    (PaymentDetails("Stadtwerke"), {"payee": "Stadtwerke"}),
    (CashbackDetails(OTHER), {"payment_id": str(OTHER)}),
    (DisbursementDetails(LOAN, DAY), ABOUT),
    (
        CollectionDetails(LOAN, DAY, version=1, instalment=2, attempt=3, run_id=OTHER),
        ABOUT | {"version": 1, "instalment": 2, "attempt": 3, "run_id": str(OTHER)},
    ),
    (LoanPaymentDetails(LOAN, DAY, PaymentMode.DUE), ABOUT | {"mode": "due"}),
    (
        LoanPaymentDetails(LOAN, DAY, PaymentMode.DUE, through=4),
        ABOUT | {"mode": "due", "through": 4},
    ),
    (
        LoanPaymentDetails(LOAN, DAY, PaymentMode.PREPAY_REDUCE_EMI, ahead=900),
        ABOUT | {"mode": "prepay_reduce_emi", "ahead": 900},
    ),
    (
        LoanPaymentDetails(LOAN, DAY, PaymentMode.FORECLOSE, settles=True),
        ABOUT | {"mode": "foreclose", "settles": True},
    ),
    (RecoveryDetails(LOAN, DAY, RecoveryAction.SET_OFF), ABOUT | {"action": "set_off"}),
    (
        RecoveryDetails(LOAN, DAY, RecoveryAction.SETTLE, OTHER),
        ABOUT | {"action": "settle", "actor": str(OTHER)},
    ),
    (AccrualDetails(DAY, LOAN), ABOUT),
    (AccrualDetails(DAY), {"business_date": "2026-11-21"}),
    (PenaltyDetails(LOAN, DAY), ABOUT),
    (
        WriteOffDetails(LOAN, DAY, OTHER, "gone"),
        ABOUT | {"actor": str(OTHER), "reason": "gone"},
    ),
]


@pytest.mark.parametrize(("known", "stored"), STORED)
def test_details_are_stored_as_they_always_were_and_read_back(
    known: Details, stored: dict[str, object]
) -> None:
    text = details.encode(known)
    assert json.loads(text or "") == stored
    assert details.decode("a type", type(known), json.dumps(stored)) == known
    assert details.shown(OTHER, json.dumps(stored)).business_date == known.value_date


@pytest.mark.parametrize(
    "stored",
    ["{}", '{"payee": 1}', '{"payee": "x", "iban": "y"}', "[]", "null", '"x"'],
    ids=["nothing", "a number", "more than that", "a list", "null", "text"],
)
def test_another_shape_is_an_error_by_name(stored: str) -> None:
    with pytest.raises(UnknownDetails, match="payment"):
        details.decode("payment", PaymentDetails, stored)


@pytest.mark.parametrize("stored", ['{"payee": 1}', '{"loan_id": "x"}', "[]"])
def test_what_cannot_be_read_is_not_shown_and_the_log_says_so(stored: str) -> None:
    with capture_logs() as lines:
        assert details.shown(OTHER, stored) == NOTHING_TO_SHOW
    assert [(line["event"], line["transaction_id"]) for line in lines] == [
        ("details_unread", str(OTHER))
    ]


def test_a_key_that_was_used_before_the_details_had_shapes_is_known_again() -> None:
    # What a key stands for outlives a release: these digests were made by an earlier one.
    anna, number = Party(str(UUID(int=2)), UUID(int=1)), Party("1000000009")
    orders = [
        Order(
            type="transfer",
            amount=Decimal("10.50"),
            debit=Party(None, UUID(int=1)),
            credit=number,
            description="rent",
            reference="r",
        ),
        Order(type="payment", amount=Decimal(7), debit=anna, details=PaymentDetails("Stadtwerke")),
        Order(
            type="credit",
            amount=Decimal("1E+3"),
            credit=number,
            details=ApprovedDetails(UUID(int=3)),
        ),
        Order(type="reversal", amount=Decimal(7), debit=Party(anna.name), reverses=UUID(int=4)),
        loan_payment(None, Decimal(0), None, (str(LOAN), "None", "due", "None")),
    ]
    assert [order.fingerprint().hex() for order in orders] == [
        "274decd32431e981dde98b8735506179d9c3150149dc9ac36801d3e7a03531da",
        "75eb2b4353fbea785450025aebba3e81fb45bb41f20d72f1abceea088ba62fc1",
        "cd8e607c66302585730ec7edb1e7cc6670ff940e4e18b8a1f158da76b3b4e6ea",
        "4419b67fe0cb3a0ad7fe652b613e3fe111f163ff24dd0145c2ad28371542a9d3",
        "18423d8133062dbe4e6b6a7886dbe7c5c8a9c2f9a9727bae9313f462dccd66d4",
    ]


async def test_a_row_of_another_version_is_set_aside_and_the_others_settle(quiet: Quiet) -> None:
    # Given a payment whose details were written by a version that names the payee otherwise
    anna, bert = await quiet.account(1_000), await quiet.account()
    await quiet.as_owner(
        "INSERT INTO transactions (id, type, amount_minor, currency, debit_account_id,"
        " contra_code, details, created_at)"
        " VALUES ($1, 'payment', 1, 'EUR', $2, '1100', '{\"to\": \"Stadtwerke\"}', now())",
        LOAN,
        anna,
    )
    accepted = await quiet.intake.submit(transfer_order(anna, bert, 1))
    # When a worker meets it, as often as it may be met
    for _ in range(3):
        await quiet.settler().drain()
    # Then it alone has failed, and the books are as they were
    assert await quiet.states([LOAN, accepted.transaction_id]) == [
        ("failed", "internal"),
        ("success", None),
    ]
    await assert_books_are_sound(quiet)
