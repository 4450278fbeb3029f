"""Money that staff move by hand: credits, debits, reversals, written down as they are accepted."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from core.approvals.accounts import find_others_account
from core.audit.log import Actor, record
from core.database import driver
from core.errors import Forbidden
from core.identity.persons import refuse_own
from core.ledger.accounts import owners_of
from core.transactions.intake import accept
from core.transactions.orders import Accepted, Idempotency, Order
from core.transactions.reversal import accept_reversal, find_original


async def move_by_hand(session: AsyncSession, order: Order, account: str, actor: Actor) -> Accepted:
    """Accept a credit or debit of another's ``account``; the caller commits and rings.

    Raises AccountNotFound, FourEyes, IdempotencyKeyReused, or what refuses the movement at once
    (InsufficientFunds, AccountFrozen, …).
    """
    await find_others_account(session, account, actor)
    (result,) = await accept(await driver(session), [order])
    if isinstance(result, Exception):
        raise result
    if not result.replayed:
        details = {"account": account, "amount": str(order.amount)}
        _note(session, actor, order.type, order.id, details)
    return result


async def reverse(
    session: AsyncSession, transaction_id: UUID, actor: Actor, key: Idempotency | None
) -> Accepted:
    """Accept the reversal of a movement between others; the caller commits and rings.

    Raises TransactionNotFound, FourEyes, and what ``accept_reversal`` raises.
    """
    if actor.user_id is None:
        raise Forbidden
    connection = await driver(session)
    original = await find_original(connection, transaction_id)
    owners = await owners_of(session, [original.debit_account_id, original.credit_account_id])
    await refuse_own(connection, actor.user_id, owners)
    accepted = await accept_reversal(
        connection, original, by=actor.user_id, request_id=actor.request_id, idempotency=key
    )
    if not accepted.replayed:
        details = {"reversal": str(accepted.transaction_id)}
        _note(session, actor, "reverse", transaction_id, details)
    return accepted


def _note(
    session: AsyncSession, actor: Actor, verb: str, transaction_id: UUID, details: dict[str, str]
) -> None:
    record(
        session,
        actor,
        f"transaction.{verb}",
        subject_type="transaction",
        subject_id=transaction_id,
        details=details,
    )
