"""Whether a loan keeps a customer, or an account, from leaving."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.foundation.errors import LoanLeft
from core.lending.states import LIVE
from core.lending.tables import Loan


async def refuse_live_loans(
    session: AsyncSession, *, account_id: UUID | None = None, customer_id: UUID | None = None
) -> None:
    """Raise LoanLeft while a loan of this account or customer has not ended."""
    query = select(Loan.id).where(Loan.status.in_(LIVE), Loan.deleted_at.is_(None))
    if account_id is not None:
        query = query.where(Loan.account_id == account_id)
    if customer_id is not None:
        query = query.where(Loan.user_id == customer_id)
    if await session.scalar(query.limit(1)) is not None:
        raise LoanLeft


async def forget_purposes(session: AsyncSession, customer_id: UUID) -> None:
    """Forget what a customer who leaves wanted loans for; the caller commits."""
    await session.execute(
        update(Loan)
        .where(Loan.user_id == customer_id, Loan.purpose.is_not(None))
        .values(purpose=None)
    )
