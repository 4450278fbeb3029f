"""Whether a loan keeps a customer, or an account, from leaving: one that has not ended, or one of
which the bank still owes what was overpaid."""

from uuid import UUID

from core.foundation.database import Connection, Reader
from core.foundation.errors import LoanLeft
from core.lending.states import LIVE

_LIVE = """
SELECT EXISTS (
  SELECT FROM loans
  WHERE {whose} = $1 AND (status = ANY($2) OR overpaid_minor > 0) AND deleted_at IS NULL
)
"""
_ON_ACCOUNT = _LIVE.format(whose="account_id")
_OF_CUSTOMER = _LIVE.format(whose="user_id")
_FORGET_PURPOSES = "UPDATE loans SET purpose = NULL WHERE user_id = $1 AND purpose IS NOT NULL"


async def refuse_live_loans_on(reader: Reader, account_id: UUID) -> None:
    """Raise LoanLeft while a loan paid out to this account has not ended, or is overpaid."""
    if await reader.fetchval(_ON_ACCOUNT, account_id, list(LIVE)):
        raise LoanLeft


async def refuse_live_loans_of(reader: Reader, customer_id: UUID) -> None:
    """Raise LoanLeft while a loan of this customer has not ended, or is overpaid."""
    if await reader.fetchval(_OF_CUSTOMER, customer_id, list(LIVE)):
        raise LoanLeft


async def forget_purposes(connection: Connection, customer_id: UUID) -> None:
    """Forget what a customer who leaves wanted loans for; the caller commits."""
    await connection.execute(_FORGET_PURPOSES, customer_id)
