"""A loan's events: written set-based with the loan, read in the order of its life."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from core.foundation.database import Connection, Reader
from core.lending.servicing.events import PARTICULARS, Event, EventKind
from core.transactions.details import Details, encode

_ADD = """
INSERT INTO loan_events (id, loan_id, kind, value_date, amount_minor, account_id, transaction_id,
                         after_close, undoes, replaces, particulars, actor_id, reason, booked_at)
SELECT id, loan_id, kind, value_date, amount, account_id, transaction_id, after_close, undoes,
       replaces, particulars, actor_id, reason, clock_timestamp()
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::date[], $5::bigint[], $6::uuid[], $7::uuid[],
            $8::bool[], $9::uuid[], $10::uuid[], $11::jsonb[], $12::uuid[], $13::text[])
  AS e (id, loan_id, kind, value_date, amount, account_id, transaction_id, after_close, undoes,
        replaces, particulars, actor_id, reason)
"""
# An attempt's own record is the event of what it collected: always before its day's close.
_ALL = """
SELECT id, loan_id, kind, value_date, amount_minor, account_id, transaction_id, after_close, undoes,
       replaces, particulars::text AS particulars, actor_id, reason, booked_at
FROM loan_events WHERE loan_id = ANY($1::uuid[])
UNION ALL
SELECT c.transaction_id, c.loan_id, 'collection', c.business_date, c.collected_minor, l.account_id,
       c.transaction_id, false, NULL, NULL, NULL, NULL, NULL, NULL
FROM loan_collections c JOIN loans l ON l.id = c.loan_id
WHERE c.loan_id = ANY($1::uuid[]) AND c.collected_minor > 0
"""


async def add(connection: Connection, events: Sequence[Event]) -> None:
    """Write these events; the loans are locked."""
    if events:
        await connection.execute(_ADD, *map(list, zip(*map(_row, events), strict=True)))


async def events_of(reader: Reader, loan_ids: Sequence[UUID]) -> list[Event]:
    """Everything that has happened to these loans, what was collected among it, in order."""
    events = [event_of(row) for row in await reader.fetch(_ALL, loan_ids)]
    return sorted(events, key=lambda event: event.place)


def event_of(row: Record) -> Event:
    """The event of a row of ``loan_events``."""
    values: dict[str, Any] = dict(row)
    kind, stored = EventKind(values.pop("kind")), values.pop("particulars")
    return Event(
        kind=kind,
        amount=values.pop("amount_minor"),
        particulars=msgspec.json.decode(stored, type=PARTICULARS[kind]) if stored else None,
        **values,
    )


def _row(event: Event) -> tuple[object, ...]:
    particulars: Details | None = event.particulars
    return (
        event.id, event.loan_id, event.kind.value, event.value_date, event.amount,
        event.account_id, event.transaction_id, event.after_close, event.undoes, event.replaces,
        encode(particulars), event.actor_id, event.reason,
    )  # fmt: skip
