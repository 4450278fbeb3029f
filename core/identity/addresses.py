"""The addresses that a user logs in from."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from core.identity.models import LoginAddress


async def is_known(session: AsyncSession, user_id: UUID, address: str | None) -> bool:
    """Whether the user has logged in from this address before."""
    query = exists().where(LoginAddress.user_id == user_id, LoginAddress.address == address)
    return bool(await session.scalar(select(query)))


async def remember(session: AsyncSession, user_id: UUID, address: str | None, at: datetime) -> None:
    """Note that the user was right at this address; the caller commits."""
    if address is None:
        return
    values = {"user_id": user_id, "address": address, "last_at": at}
    await session.execute(
        insert(LoginAddress)
        .values(values)
        .on_conflict_do_update(
            index_elements=[LoginAddress.user_id, LoginAddress.address], set_={"last_at": at}
        )
    )


async def forget_addresses_of(session: AsyncSession, user_id: UUID) -> None:
    """Forget where a user who leaves has logged in; the caller commits."""
    gone = delete(LoginAddress).where(LoginAddress.user_id == user_id)
    await session.execute(gone.execution_options(synchronize_session=False))


async def forget_addresses(session: AsyncSession, before: datetime) -> None:
    """Forget addresses that were not used since ``before``; the caller commits."""
    gone = delete(LoginAddress).where(LoginAddress.last_at < before)
    await session.execute(gone.execution_options(synchronize_session=False))
