"""The countries of the world, and which of them the bank serves."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from core.audit.log import Actor, record
from core.foundation.database import Rows
from core.foundation.errors import CountryNotAllowed, CountryNotFound
from core.identity.tables import Country


async def find_allowed(rows: Rows, country: str) -> Country:
    """The country of that code or English name. Raises CountryNotAllowed, also if unknown."""
    name = country.strip()
    query = select(Country).where(
        or_(Country.code == name.upper(), func.lower(Country.name) == name.lower())
    )
    found = await rows.scalar(query.limit(1))
    if found is None or not found.allowed:
        message = CountryNotAllowed.title
        raise CountryNotAllowed(
            errors=[{"field": "country", "message": message, "code": CountryNotAllowed.code}]
        )
    return found


async def list_countries(rows: Rows, *, after_code: str | None, limit: int) -> Sequence[Country]:
    """The countries by code, after a code if one is given."""
    query = select(Country).order_by(Country.code).limit(limit)
    if after_code is not None:
        query = query.where(Country.code > after_code)
    return (await rows.scalars(query)).all()


async def set_country(
    session: AsyncSession, code: str, *, allowed: bool, name: str | None, actor: Actor
) -> Country:
    """Allow or refuse a country; a new code needs a name. The caller commits.

    Users who live there already keep their accounts. Raises CountryNotFound for an unknown code
    without a name, and for what is no code at all (ISO 3166-1 alpha-2).
    """
    if len(code) != 2 or not (code.isascii() and code.isalpha()):
        raise CountryNotFound
    code = code.upper()
    if name is None:
        country = await session.get(Country, code, with_for_update=True)
        if country is None:
            raise CountryNotFound
        country.allowed = allowed
    else:
        values = {"name": name, "allowed": allowed}
        await session.execute(
            insert(Country)
            .values(code=code, **values)
            .on_conflict_do_update(index_elements=[Country.code], set_=values)
        )
        country = await session.get_one(Country, code, populate_existing=True)
    record(
        session,
        actor,
        "country.set",
        subject_type="country",
        subject_id=code,
        details={"allowed": allowed, "name": country.name},
    )
    await session.flush()
    return country
