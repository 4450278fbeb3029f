"""What lending's transactions carry: which loan they are about, and what they were meant for."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from core.transactions.details import Details


class PaymentMode(StrEnum):
    """What a customer's payment is for."""

    DUE = "due"
    PREPAY_REDUCE_TENURE = "prepay_reduce_tenure"
    PREPAY_REDUCE_EMI = "prepay_reduce_emi"
    FORECLOSE = "foreclose"


class RecoveryAction(StrEnum):
    """How recovery takes money: what is due from any account, or an agreed sum for everything."""

    SET_OFF = "set_off"
    SETTLE = "settle"


class LoanDetails(Details, frozen=True):
    """Of every transaction that settles on a loan; ``business_date`` is the day it is for."""

    loan_id: UUID
    business_date: date


class DisbursementDetails(LoanDetails, frozen=True):
    """Of ``disbursement``: nothing else."""


class CollectionDetails(LoanDetails, frozen=True):
    """Of ``emi``: the instalment by its schedule's version and its number, and which attempt."""

    version: int
    instalment: int
    attempt: int
    run_id: UUID


class LoanPaymentDetails(LoanDetails, frozen=True):
    """Of ``loan_payment``: what the customer saw when it was submitted.

    ``settles`` pays the loan off. ``through`` is the last instalment that is meant, ``ahead`` the
    part of the amount that is paid ahead of time, in minor units; a payment on a loan that was
    written off has neither.
    """

    mode: PaymentMode
    through: int = 0
    ahead: int = 0
    settles: bool = False


class RecoveryDetails(LoanDetails, frozen=True):
    """Of ``recovery``; ``actor`` is who of the staff asked for it, if somebody did."""

    action: RecoveryAction
    actor: UUID | None = None


class AdjustmentDetails(LoanDetails, frozen=True):
    """Of ``adjustment``: the payment that was wrong, and the right one, in minor units.

    ``undoes`` paid ``wrong_minor`` for ``business_date``; it should have been ``right_minor``, for
    ``right_on``: that is the event ``right_id`` of the loan's life; 0 where it was no payment at
    all. ``today`` is the bank's business date on which ``actor`` asked for it, ``reason`` why.
    """

    undoes: UUID
    wrong_minor: int
    today: date
    actor: UUID
    reason: str
    right_on: date
    right_id: UUID
    right_minor: int = 0
    mode: PaymentMode = PaymentMode.DUE


class LatePaymentDetails(LoanDetails, frozen=True):
    """Of ``backdated_payment``: what came in on ``business_date`` and is entered ``today``."""

    today: date
    actor: UUID
    reason: str
    mode: PaymentMode = PaymentMode.DUE


class RestatementDetails(LoanDetails, frozen=True):
    """Of the entry ``restatement``: what a loan put right by ``corrected_by`` changes beside it."""

    corrected_by: UUID


class RefundDetails(LoanDetails, frozen=True):
    """Of ``loan_refund``: who asked for it."""

    actor: UUID


class AccrualDetails(Details, frozen=True):
    """Of the entry ``accrual``: the day, and the loan, or None for all loans of a chunk."""

    business_date: date
    loan_id: UUID | None = None


class FeeDetails(Details, frozen=True):
    """Of the entry ``fee``: the day, and the loan, or None for all loans of a chunk."""

    business_date: date
    loan_id: UUID | None = None


class PenaltyDetails(Details, frozen=True):
    """Of the entry ``penalty``: what one loan was charged on a day."""

    loan_id: UUID
    business_date: date


class WaiverDetails(Details, frozen=True):
    """Of the entry ``waiver``: what one loan was let off, by whom and why."""

    loan_id: UUID
    business_date: date
    component: str
    actor: UUID
    reason: str


class WriteOffDetails(Details, frozen=True):
    """Of the entry ``write_off``: loan and day; who gave it up and why, unless it was settled."""

    loan_id: UUID
    business_date: date
    actor: UUID | None = None
    reason: str | None = None
