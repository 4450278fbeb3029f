"""The addresses that a user logs in from."""

from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Final
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from core.foundation.database import Rows
from core.identity.tables import LoginAddress

IPV6_HOME: Final = 64


def home_of(address: str) -> str:
    """What an address is known by: itself, or of IPv6 its /64, which is one household's or host's.

    Within it the address changes by the day (RFC 8981): by itself nobody would be known for long.
    """
    if ip_address(address).version == 4:
        return address
    return str(ip_network(f"{address}/{IPV6_HOME}", strict=False))


async def is_known(rows: Rows, user_id: UUID, address: str | None) -> bool:
    """Whether the user has logged in from this address, or its home, before."""
    if address is None:
        return False
    home = home_of(address)
    query = exists().where(LoginAddress.user_id == user_id, LoginAddress.address == home)
    return bool(await rows.scalar(select(query)))


async def remember(session: AsyncSession, user_id: UUID, address: str | None, at: datetime) -> None:
    """Note that the user was right at this address; the caller commits."""
    if address is None:
        return
    values = {"user_id": user_id, "address": home_of(address), "last_at": at}
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
