"""Booking the opposite of a settled transaction, once.

The money goes back the way it came, by a transaction of its own; the first one stays as it is.
"""

from typing import Any
from uuid import UUID

from core import outcome
from core.database import CommitUnknownError, Connection, Database, constraint_name
from core.errors import AlreadyReversed, NotReversible, OutcomeUnknown, TransactionNotFound
from core.money import to_major
from core.transactions.intake import Result, accept, replays
from core.transactions.kinds import REVERSIBLE, TransactionType
from core.transactions.models import Status
from core.transactions.orders import Accepted, Idempotency, Order, Party

_ORIGINAL = """
SELECT t.type, t.status, t.amount_minor, t.currency, t.debit_account_id, t.credit_account_id,
       t.contra_code,
       EXISTS (SELECT FROM transactions r WHERE r.reverses = t.id AND r.status <> 'failed') AS taken
FROM transactions t WHERE t.id = $1 AND t.hidden_at IS NULL
"""


async def submit_reversal(
    database: Database,
    transaction_id: UUID,
    *,
    by: UUID,
    request_id: str | None,
    idempotency: Idempotency | None = None,
) -> Accepted:
    """Accept the reversal of a settled transaction durably, or replay the one of the same key.

    Raises TransactionNotFound, NotReversible (not settled, or not of a reversible type),
    AlreadyReversed, IdempotencyKeyReused, what refuses the movement at once (InsufficientFunds,
    AccountFrozen, …), or OutcomeUnknown.
    """
    try:
        async with database.raw_unit_of_work() as connection:
            original = await connection.fetchrow(_ORIGINAL, transaction_id)
            if original is None:
                raise TransactionNotFound
            order = Order(
                type=TransactionType.REVERSAL,
                amount=to_major(original["amount_minor"], original["currency"]),
                debit=_party(original["credit_account_id"]),
                credit=_party(original["debit_account_id"]),
                contra_code=original["contra_code"],
                initiated_by=by,
                description=f"Reversal of {transaction_id}",
                reverses=transaction_id,
                request_id=request_id,
                idempotency=idempotency,
            )
            found = (await replays(connection, [order])).get(order.id)
            result = found or await _accept_once(connection, original, order)
            if isinstance(result, Exception):
                raise result
            accepted = result
    except CommitUnknownError as lost:
        made = {"transaction_id": accepted.transaction_id}
        if not await outcome.is_there(database, **made):
            raise OutcomeUnknown(**made) from lost
    except Exception as error:
        if constraint_name(error) == "uq_transactions_reverses":
            raise AlreadyReversed from error
        raise
    return accepted


async def _accept_once(connection: Connection, original: Any, order: Order) -> Result:
    if original["status"] != Status.SUCCESS or original["type"] not in REVERSIBLE:
        raise NotReversible
    if original["taken"]:
        raise AlreadyReversed
    (result,) = await accept(connection, [order])
    return result


def _party(account_id: UUID | None) -> Party | None:
    return None if account_id is None else Party(str(account_id))
