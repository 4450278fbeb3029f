"""The currencies in which accounts may be opened."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit.log import Actor, record
from core.foundation.database import Rows
from core.foundation.errors import CurrencyNotFound, CurrencyNotSupported
from core.ledger.tables import Currency


async def refuse_unsupported(rows: Rows, code: str) -> None:
    """Raise CurrencyNotSupported unless accounts may be opened in this currency."""
    currency = await rows.get(Currency, code)
    if currency is None or not currency.enabled:
        raise CurrencyNotSupported


async def list_currencies(rows: Rows, *, after_code: str | None, limit: int) -> Sequence[Currency]:
    """The currencies by code, after a code if one is given."""
    query = select(Currency).order_by(Currency.code).limit(limit)
    if after_code is not None:
        query = query.where(Currency.code > after_code)
    return (await rows.scalars(query)).all()


async def set_enabled(session: AsyncSession, code: str, *, enabled: bool, actor: Actor) -> Currency:
    """Allow new accounts in a currency, or no more; audited. The caller commits.

    Accounts that are there stay as they are. Raises CurrencyNotFound.
    """
    if not (len(code) == 3 and code.isascii()):
        raise CurrencyNotFound
    currency = await session.get(Currency, code.upper(), with_for_update=True)
    if currency is None:
        raise CurrencyNotFound
    currency.enabled = enabled
    record(
        session,
        actor,
        "currency.set",
        subject_type="currency",
        subject_id=currency.code,
        details={"enabled": enabled},
    )
    await session.flush()
    return currency
