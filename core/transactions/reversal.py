"""Booking the opposite of a settled transaction, once.

The money goes back the way it came, by a transaction of its own; the first one stays as it is.
"""

from typing import NamedTuple
from uuid import UUID

from core.foundation.database import Connection, UnitOfWork
from core.foundation.errors import AlreadyReversed, GiroError, NotReversible, TransactionNotFound
from core.foundation.ids import new_id
from core.foundation.money import to_major
from core.foundation.sqlstates import constraint_name
from core.transactions.intake import Intake
from core.transactions.kinds import REVERSIBLE
from core.transactions.orders import Accepted, Idempotency, Party, reversal
from core.transactions.tables import Status

_ORIGINAL = """
SELECT t.id, t.type, t.status, t.amount_minor, t.currency, t.debit_account_id,
       t.credit_account_id, t.contra_code,
       EXISTS (SELECT FROM transactions r
               WHERE r.reverses = t.id AND r.status <> 'failed') AS taken,
       t.hidden_at IS NOT NULL AS hidden
FROM transactions t WHERE t.id = $1
"""


class Original(NamedTuple):
    """The transaction to take back; ``taken`` where that has happened, or is under way."""

    id: UUID
    type: str
    status: str
    amount_minor: int
    currency: str
    debit_account_id: UUID | None
    credit_account_id: UUID | None
    contra_code: str | None
    taken: bool
    hidden: bool


async def find_original(connection: Connection, transaction_id: UUID) -> Original:
    """The transaction, hidden or not. Raises TransactionNotFound."""
    row = await connection.fetchrow(_ORIGINAL, transaction_id)
    if row is None:
        raise TransactionNotFound
    return Original(*row)


def refuse_irreversible(original: Original) -> None:
    """Raise TransactionNotFound for a hidden one, NotReversible (not settled, or not of a
    reversible type) or AlreadyReversed."""
    if original.hidden:
        raise TransactionNotFound
    if original.status != Status.SUCCESS or original.type not in REVERSIBLE:
        raise NotReversible
    if original.taken:
        raise AlreadyReversed


async def accept_reversal(
    unit: UnitOfWork,
    intake: Intake,
    original: Original,
    *,
    by: UUID,
    request_id: str | None,
    idempotency: Idempotency | None = None,
    reversal_id: UUID | None = None,
) -> Accepted:
    """Accept the reversal in the caller's unit of work, or replay the one of the same key.

    Raises what ``refuse_irreversible`` raises, IdempotencyKeyReused, or what refuses the movement
    at once (InsufficientFunds, AccountFrozen, …).
    """
    order = reversal(
        _party(original.credit_account_id),
        _party(original.debit_account_id),
        to_major(original.amount_minor, original.currency),
        contra_code=original.contra_code,
        reverses=original.id,
        initiated_by=by,
        request_id=request_id,
        idempotency=idempotency,
        refusal=_refusal(original),
        id=reversal_id or new_id(),
    )
    try:
        return await intake.accept_one(unit, order)
    except Exception as error:
        if constraint_name(error) == "uq_transactions_reverses":
            raise AlreadyReversed from error
        raise


def _refusal(original: Original) -> GiroError | None:
    try:
        refuse_irreversible(original)
    except GiroError as refusal:
        return refusal
    return None


def _party(account_id: UUID | None) -> Party | None:
    return None if account_id is None else Party(str(account_id))
