"""Hiding a transaction's record: it leaves the lists, its postings stay."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from core.audit.log import Actor, record, user_of
from core.foundation.database import UnitOfWork
from core.foundation.errors import TransactionNotFound, TransactionPending
from core.identity.persons import refuse_own
from core.ledger.accounts import owners_of
from core.transactions.tables import Status, Transaction


async def hide_transaction(
    unit: UnitOfWork, transaction_id: UUID, actor: Actor, at: datetime
) -> None:
    """Hide a final transaction; audited. The caller commits.

    Raises TransactionNotFound, TransactionPending, or FourEyes for one on an own account.
    """
    row = await unit.session.scalar(
        select(Transaction)
        .where(Transaction.id == transaction_id, Transaction.hidden_at.is_(None))
        .with_for_update()
    )
    if row is None:
        raise TransactionNotFound
    owners = await owners_of(unit.session, [row.debit_account_id, row.credit_account_id])
    await refuse_own(unit.connection, user_of(actor), owners)
    if row.status == Status.PENDING:
        raise TransactionPending
    row.hidden_at = at
    record(
        unit.session,
        actor,
        "transaction.hide",
        subject_type="transaction",
        subject_id=transaction_id,
    )
    await unit.session.flush()
