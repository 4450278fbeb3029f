"""What the routes of a loan have in common: its id, its key, the bank's date, the audit log."""

from datetime import date
from typing import Final
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from api.dependencies import Caller, idempotency_key
from api.services import Services
from core.audit.log import Actor, record
from core.business_day.dates import business_date
from core.foundation.database import Reader
from core.foundation.errors import Invalid, LoanNotFound
from core.foundation.ids import parse_id
from core.transactions.orders import Idempotency

REPLAYED: Final = {"idempotent-replayed": "true"}


def loan_id_of(text: str) -> UUID:
    """The id of a path. Raises LoanNotFound where it is none."""
    known = parse_id(text)
    if known is None:
        raise LoanNotFound
    return known


def key_of(request: Request, caller: Caller, field: str | None) -> Idempotency | None:
    """The caller's idempotency key, from the header or the body's field."""
    key = idempotency_key(request, field)
    return None if key is None else Idempotency(caller.user_id, key)


async def bank_date(services: Services, reader: Reader) -> date:
    """The bank's business date."""
    return await business_date(reader, services.settings.time_zone)


def invalid(field: str, message: str) -> Invalid:
    """A refusal of one field."""
    return Invalid(message, [{"field": field, "message": message, "code": "invalid"}])


def record_step(
    session: AsyncSession, actor: Actor, verb: str, loan_id: UUID, **details: object
) -> None:
    """Write down in the audit log what was done with a loan."""
    record(
        session,
        actor,
        f"loan.{verb}",
        subject_type="loan",
        subject_id=loan_id,
        details=details,
    )
