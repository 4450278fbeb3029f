"""What can go wrong, in the bank's words: every error, its stable code and its family.

The family says what an error means; the edges translate it: ``api/http/problems.py`` into an HTTP
status, the settlement engine into a transaction's ``failure_code``. Codes never change once
published; messages may.
"""

from typing import ClassVar
from uuid import UUID


class GiroError(Exception):
    """Base of every expected error. ``code`` is stable and machine-readable."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title


# --- families ---------------------------------------------------------------------------------


class Refused(GiroError):
    """A business rule refuses what was well asked."""


class Unauthenticated(GiroError):
    """Nobody known is asking."""

    code = "unauthenticated"
    title = "Authentication is required"


class Forbidden(GiroError):
    """The caller is known, but the role may not."""

    code = "forbidden"
    title = "Your role does not allow this"


class NotFound(GiroError):
    """Unknown, or not the caller's: the two are never told apart."""

    code = "not_found"
    title = "There is no such thing"


class Conflict(GiroError):
    """The present state does not allow it."""

    code = "conflict"
    title = "The present state does not allow this"


class Invalid(GiroError):
    """The request is malformed. ``errors`` lists the fields: ``{"field", "message", "code"}``."""

    code = "validation_error"
    title = "The request is malformed"

    def __init__(self, detail: str | None = None, errors: list[dict[str, str]] | None = None):
        super().__init__(detail)
        self.errors = errors or []


class TooMany(GiroError):
    """Too many requests; ``retry_after_seconds`` says when the next may come."""

    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, detail: str | None = None, retry_after_seconds: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class TooManyRunning(TooMany):
    code = "too_many_running"
    title = "Too many of your requests are under way; wait for their answers"


class TooManyAttempts(TooMany):
    """Passwords were guessed; who knows his own may have to wait for a moment, too."""

    code = "too_many_attempts"
    title = "Too many attempts; try again later, or from where you logged in before"


class Unavailable(GiroError):
    """A store is down; trying again later helps."""

    code = "unavailable"
    title = "A part of the system is not available; try again shortly"


# --- malformed ----------------------------------------------------------------------------------


class UnexpectedBody(Invalid):
    code = "unexpected_body"
    title = "No body is expected here"

    def __init__(self, detail: str | None = None) -> None:
        message = detail or self.title
        super().__init__(message, [{"field": "body", "message": message, "code": self.code}])


class InvalidAmount(Invalid):
    code = "invalid_amount"
    title = "The amount is not an amount of this currency"


class InvalidCursor(Invalid):
    code = "invalid_cursor"
    title = "The cursor is not one that we gave"


class IdempotencyKeyReused(Invalid):
    code = "idempotency_key_reused"
    title = "This idempotency key was used with another request"


class CountryNotAllowed(Invalid):
    code = "country_not_allowed"
    title = "We do not serve customers of this country"


class WeakPassword(Invalid):
    code = "weak_password"
    title = "The password is too weak, or longer than can be used"

    def __init__(self, detail: str | None = None, field: str = "password") -> None:
        message = detail or self.title
        super().__init__(message, [{"field": field, "message": message, "code": self.code}])


class InvalidLoanTerms(Invalid):
    code = "invalid_loan_terms"
    title = "These loan terms make no schedule"


# --- authentication -----------------------------------------------------------------------------


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    title = "The e-mail address or the password is wrong"


class InvalidToken(Unauthenticated):
    code = "invalid_token"
    title = "The token is invalid, expired or revoked"


# --- forbidden ----------------------------------------------------------------------------------


class UserBlocked(Forbidden):
    code = "user_blocked"
    title = "This user is blocked"


# --- refused by a rule --------------------------------------------------------------------------


class InsufficientFunds(Refused):
    code = "insufficient_funds"
    title = "The available balance does not cover the amount"


class AccountFrozen(Refused):
    code = "account_frozen"
    title = "The account is frozen"


class AccountClosed(Refused):
    code = "account_closed"
    title = "The account is closed"


class SameAccount(Refused):
    code = "same_account"
    title = "Paying and receiving account are the same"


class CurrencyNotSupported(Refused):
    code = "currency_not_supported"
    title = "The currency is not supported here"


class CurrencyMismatch(Refused):
    code = "currency_mismatch"
    title = "The accounts are in different currencies"


class BalanceLimitExceeded(Refused):
    code = "balance_limit_exceeded"
    title = "The receiving account would exceed the largest balance an account may hold"


class SelfServiceCashOff(Refused):
    code = "self_service_cash_off"
    title = "Cash is handled at the counter only"


class NoPrimaryAccount(Refused):
    code = "no_account"
    title = "You have no account that could be used"


class WrongPassword(Refused):
    code = "wrong_password"
    title = "The current password is wrong"


class LoanNotEligible(Refused):
    code = "loan_not_eligible"
    title = "The loan does not meet the product's conditions"


class NothingDue(Refused):
    code = "nothing_due"
    title = "Nothing is due on this loan"


class NothingToWaive(Refused):
    code = "nothing_to_waive"
    title = "So much is not owed"


class PayoffNotCovered(Refused):
    code = "payoff_not_covered"
    title = "The amount does not cover what ending the loan costs"


class BusinessDateInFuture(Refused):
    code = "business_date_in_future"
    title = "The date lies beyond the next business date"


class PeriodNotOver(Refused):
    code = "period_not_over"
    title = "Only days that are over may be locked"


class OverrideReasonRequired(Refused):
    code = "override_reason_required"
    title = "Approving against the recommendation needs a reason"


# --- not found ----------------------------------------------------------------------------------


class DisclosureNotKept(NotFound):
    code = "disclosure_not_kept"
    title = "No disclosure was kept with this loan"


class AccountNotFound(NotFound):
    code = "account_not_found"
    title = "There is no such account"


class TransactionNotFound(NotFound):
    code = "transaction_not_found"
    title = "There is no such transaction"


class BatchNotFound(NotFound):
    code = "batch_not_found"
    title = "There is no such batch"


class UserNotFound(NotFound):
    code = "user_not_found"
    title = "There is no such user"


class SessionNotFound(NotFound):
    code = "session_not_found"
    title = "There is no such session, or it has ended"


class JobNotFound(NotFound):
    code = "job_not_found"
    title = "There is no such failed job"


class CurrencyNotFound(NotFound):
    code = "currency_not_found"
    title = "There is no such currency"


class CountryNotFound(NotFound):
    code = "country_not_found"
    title = "There is no such country"


class LoanProductNotFound(NotFound):
    code = "loan_product_not_found"
    title = "There is no such loan product"


class LoanNotFound(NotFound):
    code = "loan_not_found"
    title = "There is no such loan"


class NoRecoveryCase(NotFound):
    code = "no_recovery_case"
    title = "There is no recovery case for this loan"


class RunNotFound(NotFound):
    code = "run_not_found"
    title = "There is no such run"


class ApprovalNotFound(NotFound):
    code = "approval_not_found"
    title = "There is no such proposal"


class NotificationNotFound(NotFound):
    code = "notification_not_found"
    title = "There is no such notification"


# --- conflicts ----------------------------------------------------------------------------------


class EmailTaken(Conflict):
    code = "email_taken"
    title = "This e-mail address is registered already"


class MoneyLeft(Conflict):
    code = "money_left"
    title = "Money is left on an account"


class LoanLeft(Conflict):
    code = "loan_left"
    title = "A live loan hangs on it"


class TransactionsPending(Conflict):
    code = "transactions_pending"
    title = "Transactions are still under way"


class TransactionPending(Conflict):
    code = "transaction_pending"
    title = "The transaction is not final yet"


class AlreadyReversed(Conflict):
    code = "already_reversed"
    title = "The transaction is reversed already, or being reversed"


class NotReversible(Conflict):
    code = "not_reversible"
    title = "Only a settled movement of money can be reversed, and a loan's movements never"


class OverdraftInUse(Conflict):
    code = "overdraft_in_use"
    title = "The balance is below the new limit"


class AccountStateConflict(Conflict):
    code = "account_state_conflict"
    title = "The account's state does not allow this"


class LastAdmin(Conflict):
    code = "last_admin"
    title = "The last active admin cannot be taken away"


class DuesRemain(Conflict):
    code = "dues_remain"
    title = "Something is still owed on this loan"


class LoanStateConflict(Conflict):
    code = "loan_state_conflict"
    title = "The loan's state does not allow this"


class FourEyes(Conflict):
    code = "four_eyes"
    title = "Somebody else must do this: nobody acts on what is his own, or alone approves it"


class ApprovalNotWaiting(Conflict):
    code = "approval_not_waiting"
    title = "The proposal was decided on already, or has lapsed"


class GroundChanged(Conflict):
    code = "ground_changed"
    title = "What the proposal stood on has changed since"


class PeriodLocked(Conflict):
    code = "period_locked"
    title = "A period that is locked stays locked"


class CapReached(Conflict):
    code = "too_many"
    title = "There may not be more of these at a time"


class RunInProgress(Conflict):
    code = "run_in_progress"
    title = "A run for this business date is under way"


# --- settlement ---------------------------------------------------------------------------------


class Internal(GiroError):
    """The failure of a transaction that broke the worker repeatedly and was set aside."""

    code = "internal"


# --- unavailable --------------------------------------------------------------------------------


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    title = "The database is not available; nothing was accepted"


class Overloaded(Unavailable):
    """A queue is full. ``retry_after_seconds`` says when to come again."""

    code = "overloaded"
    title = "Too much is under way at the moment; nothing was accepted"
    retry_after_seconds = 1


class QueryTooLong(Unavailable):
    code = "query_too_long"
    title = "This took too long and was stopped; nothing was changed, and a narrower filter helps"


class OutcomeUnknown(Unavailable):
    """The database was lost while it committed. ``made`` names what may be there, by its ids."""

    code = "outcome_unknown"
    title = "Whether this was done is not known yet; look before you ask for it again"

    def __init__(self, **made: UUID) -> None:
        super().__init__()
        self.made = made


class RedisUnavailable(Unavailable):
    code = "redis_unavailable"
    title = "The message store is not available"


def catalogue() -> dict[str, type[GiroError]]:
    """Every error by its code, families included, for the documentation."""

    def descend(error: type[GiroError]) -> list[type[GiroError]]:
        return [error] + [leaf for child in error.__subclasses__() for leaf in descend(child)]

    return {error.code: error for error in descend(GiroError)}
