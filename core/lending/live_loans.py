"""Whether a loan keeps a customer, or an account, from leaving."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import LoanLeft
from core.lending.models import Loan
from core.lending.states import LIVE


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
