"""Hiding a transaction's record: it leaves the lists, its postings stay."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import TransactionNotFound, TransactionPending
from core.transactions.models import Status, Transaction


async def hide_transaction(session: AsyncSession, transaction_id: UUID, at: datetime) -> None:
    """Hide a final transaction. Raises TransactionNotFound or TransactionPending."""
    row = await session.scalar(
        select(Transaction)
        .where(Transaction.id == transaction_id, Transaction.hidden_at.is_(None))
        .with_for_update()
    )
    if row is None:
        raise TransactionNotFound
    if row.status == Status.PENDING:
        raise TransactionPending
    row.hidden_at = at
    await session.flush()
