"""What borrowers and staff are told, in words."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from core.foundation.money import to_major
from core.notifications.inbox import Notice


class LineName(NamedTuple):
    """One instalment of one version of a schedule."""

    loan_id: UUID
    version: int
    number: int

    def __str__(self) -> str:
        return f"{self.loan_id}:{self.version}:{self.number}"


def money(amount_minor: int, currency: str) -> str:
    """An amount as people read it: ``1234.50 EUR``."""
    return f"{to_major(amount_minor, currency):f} {currency}"


def received(user_id: UUID, loan_id: UUID, amount: str) -> list[Notice]:
    """An application came in: to the borrower and to the staff who decide."""
    return [
        Notice(user_id, "loan_applied", "Your application has arrived",
               f"We have received your application for a loan of {amount}.", loan_id),
        Notice(None, "loan_applied", "A loan application waits",
               f"An application for {amount} waits for a decision.", loan_id),
    ]  # fmt: skip


def approved(user_id: UUID, loan_id: UUID, amount: str) -> list[Notice]:
    """The loan was approved; its disbursement is under way."""
    return [
        Notice(user_id, "loan_approved", "Your loan is approved",
               f"Your loan of {amount} is approved and will be paid out now.", loan_id),
        Notice(None, "loan_approved", "A loan was approved",
               f"A loan of {amount} was approved.", loan_id),
    ]  # fmt: skip


def rejected(
    user_id: UUID, loan_id: UUID, amount: str, reasons: Sequence[str], law: str
) -> list[Notice]:
    """The application was turned down: the action taken and the principal reasons, as
    12 CFR 1002.9(a)(2)(i) wants them, and ``law``, what else the bank's law wants said."""
    why = "\n".join(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))
    words = f"We cannot grant the loan of {amount}. The principal reasons are:\n{why}"
    return [
        Notice(user_id, "loan_rejected", "Your application was declined",
               f"{words}\n\n{law}" if law else words, loan_id),
        Notice(None, "loan_rejected", "A loan was rejected",
               f"The application for {amount} was rejected.\n{why}", loan_id),
    ]  # fmt: skip


def withdrawn(loan_id: UUID, amount: str) -> list[Notice]:
    """The borrower took the application back."""
    return [
        Notice(None, "loan_withdrawn", "An application was withdrawn",
               f"The application for {amount} was withdrawn.", loan_id),
    ]  # fmt: skip


def disbursed(user_id: UUID, loan_id: UUID, amount: str) -> Notice:
    """The money is on the account."""
    return Notice(user_id, "loan_disbursed", "Your loan was paid out",
                  f"{amount} of your loan was credited to your account.", loan_id)  # fmt: skip


def not_disbursed(user_id: UUID, loan_id: UUID, reason: str) -> list[Notice]:
    """The money could not be paid out; it can be tried again."""
    return [
        Notice(user_id, "disbursement_failed", "Your loan could not be paid out",
               f"Your loan is approved, but could not be paid out: {reason}", loan_id),
        Notice(None, "disbursement_failed", "A disbursement failed",
               f"An approved loan could not be paid out: {reason}", loan_id),
    ]  # fmt: skip


def collected(user_id: UUID, loan_id: UUID, number: int, amount: str, *, part: bool) -> Notice:
    """An instalment was collected, in full or in part."""
    title = "An instalment was collected in part" if part else "An instalment was collected"
    return Notice(user_id, "emi_collected", title,
                  f"{amount} was collected for instalment {number}.", loan_id)  # fmt: skip


def not_collected(
    user_id: UUID, loan_id: UUID, number: int, reason: str, again_on: date | None
) -> Notice:
    """An instalment could not be collected."""
    then = f" We will try again on {again_on}." if again_on else ""
    return Notice(user_id, "emi_failed", "An instalment could not be collected",
                  f"Instalment {number} could not be collected: {reason}.{then}",
                  loan_id)  # fmt: skip


def paid(user_id: UUID, loan_id: UUID, amount: str, of_principal: str) -> Notice:
    """A payment of the borrower's own was booked."""
    return Notice(user_id, "loan_payment", "Your payment was booked",
                  f"{amount} was booked on your loan, {of_principal} of it "
                  "as principal.", loan_id)  # fmt: skip


def charged(user_id: UUID, loan_id: UUID, text: str) -> Notice:
    """Staff charged a fee."""
    return Notice(user_id, "loan_charged", "A fee is charged on your loan", f"{text}.", loan_id)


def waived(user_id: UUID, loan_id: UUID, text: str) -> Notice:
    """Staff let go of something that was owed."""
    return Notice(user_id, "loan_waiver", "You owe less on your loan", f"{text}.", loan_id)


def corrected(user_id: UUID, loan_id: UUID, what: str) -> Notice:
    """A payment was put right, or entered for an earlier date."""
    return Notice(user_id, "loan_corrected", "A payment on your loan was put right",
                  f"{what}. Your loan was computed anew from that date.", loan_id)  # fmt: skip


def refunded(user_id: UUID, loan_id: UUID, amount: str) -> Notice:
    """What was overpaid is back on the account."""
    return Notice(user_id, "loan_refund", "What you paid too much is back",
                  f"{amount} that was paid beyond your debt is on your account again.",
                  loan_id)  # fmt: skip


def ended(user_id: UUID, loan_id: UUID, status: str) -> Notice:
    """The loan is over."""
    return Notice(user_id, "loan_closed", "Your loan is paid off",
                  f"Nothing is left to pay: your loan is {status.replace('_', ' ')}.",
                  loan_id)  # fmt: skip


def falls_due(user_id: UUID, line: LineName, amount: str, due: date, *, soon: bool) -> Notice:
    """An instalment falls due: some days ahead (``soon``), or tomorrow."""
    kind = "emi_due_soon" if soon else "emi_due"
    return Notice(user_id, kind, "An instalment falls due",
                  f"Instalment {line.number} of {amount} falls due on {due}.", line.loan_id,
                  f"{kind}:{line}")  # fmt: skip


def overdue(user_id: UUID, line: LineName, amount: str, dpd: int) -> Notice:
    """An instalment is overdue; told once for each."""
    return Notice(user_id, "emi_overdue", "An instalment is overdue",
                  f"{amount} is overdue since {dpd} day{'s' if dpd > 1 else ''}. "
                  "Please pay it now.", line.loan_id, f"emi_overdue:{line}")  # fmt: skip


def defaulted(user_id: UUID, loan_id: UUID, case_id: UUID, dpd: int) -> list[Notice]:
    """The loan is in default and a recovery case is open."""
    return [
        Notice(user_id, "loan_default", "Your loan is in default",
               f"Your loan is {dpd} days past due. A recovery case was opened.", loan_id,
               f"default:{case_id}"),
        Notice(None, "loan_default", "A loan is in default",
               f"A loan is {dpd} days past due. A recovery case was opened.", loan_id,
               f"default-staff:{case_id}"),
    ]  # fmt: skip


def case_assigned(officer_id: UUID, loan_id: UUID) -> Notice:
    """An officer was given a recovery case."""
    return Notice(officer_id, "recovery_assigned", "A recovery case is yours",
                  "The recovery of a loan was assigned to you.", loan_id)  # fmt: skip


def set_aside(run_id: UUID, job: str, business_date: date, loan_id: UUID) -> Notice:
    """A loan was left out of a run, which went on for all others."""
    return Notice(None, "loan_set_aside", "A loan could not be processed",
                  f"{job} for {business_date} could not be done for this loan after repeated "
                  "errors; it was done for all others. The next run tries again.",
                  loan_id, f"loan_set_aside:{run_id}:{loan_id}")  # fmt: skip


def write_off_proposed(loan_id: UUID, text: str) -> Notice:
    """A loan is so late that an admin is asked to write it off."""
    return Notice(None, "loan_recovery", "A write-off is proposed", f"{text}.", loan_id)


def recovery_step(user_id: UUID, loan_id: UUID, step: str) -> list[Notice]:
    """A step of the recovery was taken."""
    return [
        Notice(user_id, "loan_recovery", "News of your loan's recovery", step, loan_id),
        Notice(None, "loan_recovery", "A step of a recovery", step, loan_id),
    ]  # fmt: skip
