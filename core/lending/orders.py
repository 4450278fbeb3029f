"""What is ordered on loans: the payout, an instalment, a payment, what recovery takes.

On the bank's side of each stand the loans receivable; what of it is interest, a penalty or a fee
turns out where it is settled.
"""

from datetime import date
from decimal import Decimal
from typing import Unpack
from uuid import UUID

from core.foundation.ids import new_id
from core.ledger.chart import LedgerCode
from core.lending.details import (
    AdjustmentDetails,
    CollectionDetails,
    DisbursementDetails,
    LatePaymentDetails,
    LoanPaymentDetails,
    RecoveryAction,
    RecoveryDetails,
    RefundDetails,
)
from core.transactions.orders import Asked, BankOrder, Order, Party

LOANS_RECEIVABLE = LedgerCode.LOANS_RECEIVABLE.value


def disbursement(
    to: UUID,
    amount_minor: int,
    currency: str,
    details: DisbursementDetails,
    *,
    by: UUID,
    request_id: str | None,
) -> BankOrder:
    """The loan's amount paid out to the borrower's account, by the officer who decided."""
    return BankOrder(
        "disbursement",
        amount_minor,
        currency,
        LOANS_RECEIVABLE,
        credit_account_id=to,
        initiated_by=by,
        description="Loan disbursement",
        details=details,
        request_id=request_id,
    )


def collection(of: UUID, amount_minor: int, currency: str, details: CollectionDetails) -> BankOrder:
    """One attempt to collect what is unpaid of an instalment."""
    return BankOrder(
        "emi",
        amount_minor,
        currency,
        LOANS_RECEIVABLE,
        debit_account_id=of,
        description=f"Instalment {details.instalment}, attempt {details.attempt}",
        details=details,
    )


def loan_payment(
    of: Party | None,
    amount: Decimal,
    details: LoanPaymentDetails | None,
    words: tuple[str, ...],
    **asked: Unpack[Asked],
) -> Order:
    """What a customer pays on a loan; ``words`` tell the request from others.

    No party and no details where it is refused already.
    """
    asked["description"] = "Loan payment"
    return Order(
        "loan_payment",
        amount,
        debit=of,
        contra_code=LOANS_RECEIVABLE,
        details=details,
        asked=words,
        **asked,
    )


def set_off(
    loan_id: UUID, of: UUID, amount_minor: int, currency: str, on: date, *, by: UUID | None = None
) -> BankOrder:
    """What is due on a loan, out of an account of the borrower's; ``by`` the bank's rules alone
    where nobody of the staff asked for it."""
    return BankOrder(
        "recovery",
        amount_minor,
        currency,
        LOANS_RECEIVABLE,
        debit_account_id=of,
        initiated_by=by,
        description="Set-off of an overdue loan",
        details=RecoveryDetails(loan_id, on, RecoveryAction.SET_OFF, by),
    )


def settlement(
    loan_id: UUID,
    of: UUID,
    amount_minor: int,
    currency: str,
    on: date,
    *,
    by: UUID,
    transaction_id: UUID | None = None,
) -> BankOrder:
    """An agreed sum for all that is owed on a loan."""
    return BankOrder(
        "recovery",
        amount_minor,
        currency,
        LOANS_RECEIVABLE,
        debit_account_id=of,
        initiated_by=by,
        description="Settlement of a loan",
        details=RecoveryDetails(loan_id, on, RecoveryAction.SETTLE, by),
        id=transaction_id or new_id(),
    )


def adjustment(
    of: UUID, currency: str, details: AdjustmentDetails, *, transaction_id: UUID
) -> BankOrder:
    """A payment put right: the account that paid has back what was too much, or pays the rest.

    Where the payment was for another day only, nothing moves on the account: the amount is the
    payment's, between the bank's own accounts.
    """
    too_much = details.wrong_minor - details.right_minor
    return BankOrder(
        "adjustment",
        abs(too_much) or details.wrong_minor,
        currency,
        LOANS_RECEIVABLE,
        debit_account_id=of if too_much < 0 else None,
        credit_account_id=of if too_much > 0 else None,
        initiated_by=details.actor,
        description=f"A loan payment of {details.business_date} is put right",
        details=details,
        id=transaction_id,
    )


def late_payment(
    of: UUID, amount_minor: int, currency: str, details: LatePaymentDetails, *, transaction_id: UUID
) -> BankOrder:
    """A payment on a loan that counts from an earlier date."""
    return BankOrder(
        "backdated_payment",
        amount_minor,
        currency,
        LOANS_RECEIVABLE,
        debit_account_id=of,
        initiated_by=details.actor,
        description=f"Loan payment for {details.business_date}",
        details=details,
        id=transaction_id,
    )


def refund(
    to: UUID, amount_minor: int, currency: str, details: RefundDetails, *, transaction_id: UUID
) -> BankOrder:
    """What was paid on a loan beyond all that was owed, back to the borrower's account."""
    return BankOrder(
        "loan_refund",
        amount_minor,
        currency,
        LedgerCode.LOAN_OVERPAYMENTS.value,
        credit_account_id=to,
        initiated_by=details.actor,
        description="Refund of an overpaid loan",
        details=details,
        id=transaction_id,
    )
