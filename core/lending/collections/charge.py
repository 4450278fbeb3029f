"""A step of the business day: late fees and penal charges on what is overdue at a day's end.

The late fee comes once for an instalment, when its days of grace are over; the penal charge comes
by the day after that, on unpaid interest and principal only.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from core.business_day.steps import Work
from core.foundation.database import Connection
from core.foundation.unit_of_work import UnitOfWork
from core.lending import notices
from core.lending.collections.delinquency import days_past_due, is_late
from core.lending.collections.penalties import LateFee, late_fee_falls_on, penal_charge
from core.lending.details import PenaltyDetails
from core.lending.notices import LineName, money
from core.lending.origination.products import parse_terms
from core.lending.servicing import booking
from core.lending.servicing.calendar import CollectionCalendar
from core.notifications import inbox

_LOCK_OVERDUE = """
SELECT id FROM loans WHERE id IN (
  SELECT i.loan_id FROM loan_instalments i
  WHERE i.due_date <= $3 AND i.superseded_at IS NULL AND i.paid_on IS NULL
) AND user_id >= $1 AND ($2::uuid IS NULL OR user_id < $2) AND status IN ('active', 'restructured')
ORDER BY id FOR NO KEY UPDATE
"""
_OVERDUE = """
SELECT i.loan_id, i.version, i.number, i.due_date, i.penal_to, i.penal_carried, i.late_fee_on,
       i.unpaid_minor,
       i.principal_minor - i.principal_paid_minor + i.interest_minor - i.interest_paid_minor
         AS overdue_minor,
       l.currency, l.user_id, l.terms::text AS terms
FROM loan_instalments i JOIN loans l ON l.id = i.loan_id
WHERE i.loan_id = ANY($1::uuid[]) AND i.due_date <= $2
  AND i.superseded_at IS NULL AND i.paid_on IS NULL
ORDER BY i.loan_id, i.number
"""
_CHARGE_LINES = """
UPDATE loan_instalments i SET penalty_minor = i.penalty_minor + c.amount, penal_to = c.penal_to,
       penal_carried = c.carried, late_fee_on = c.late_fee_on
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[], $5::date[], $6::numeric[], $7::date[])
  AS c (loan_id, version, number, amount, penal_to, carried, late_fee_on)
WHERE i.loan_id = c.loan_id AND i.version = c.version AND i.number = c.number
"""
_INSERT_CHARGES = """
INSERT INTO loan_charges (loan_id, version, number, kind, business_date, amount_minor,
                          transaction_id)
SELECT loan_id, version, number, kind, $6, amount, transaction_id
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::bigint[], $7::uuid[])
  AS c (loan_id, version, number, kind, amount, transaction_id)
"""


class LateLine(NamedTuple):
    """An instalment that is due and unpaid, with its loan's currency, borrower and terms."""

    loan_id: UUID
    version: int
    number: int
    due_date: date
    penal_to: date | None
    penal_carried: int
    late_fee_on: date | None
    unpaid_minor: int
    overdue_minor: int
    currency: str
    user_id: UUID
    terms: str


@dataclass(frozen=True, slots=True)
class Charge:
    """What one overdue instalment is charged at a day's end; either part may be nothing."""

    loan_id: UUID
    version: int
    number: int
    currency: str
    late_fee: int
    penal: int
    penal_to: date
    carried: int
    late_fee_on: date | None

    @property
    def amount(self) -> int:
        """Both parts together."""
        return self.late_fee + self.penal


async def charge(unit: UnitOfWork, work: Work, *, calendar: CollectionCalendar) -> None:
    """Charge every overdue instalment of the share for the date, and tell of new ones."""
    connection = unit.connection
    share, day = work.share, work.business_date
    locked = await connection.fetch(_LOCK_OVERDUE, share.first_id, share.next_id, day)
    if not locked:
        return
    rows = await connection.fetch(_OVERDUE, [row["id"] for row in locked], day)
    late = [
        line for line in (LateLine(*row) for row in rows) if is_late(line.due_date, day, calendar)
    ]
    # Overdue is what the collection day's close leaves unpaid; being late costs from the day after.
    yesterday = day - timedelta(days=1)
    charges = [_charge(line, day) for line in late if is_late(line.due_date, yesterday, calendar)]
    await _write(connection, charges, day)
    told = [_overdue(line, day, calendar) for line in late if line.penal_to is None]
    await inbox.write(connection, told)


def _charge(line: LateLine, day: date) -> Charge:
    terms = parse_terms(line.terms)
    overdue, due = line.overdue_minor, line.due_date
    late_fee = 0
    late_fee_on = line.late_fee_on
    if late_fee_on is None and day >= late_fee_falls_on(due, terms.grace_days):
        late_fee = LateFee.of(terms, line.currency).amount_minor(overdue) if overdue else 0
        late_fee_on = day
    since = line.penal_to or due + timedelta(days=terms.grace_days)
    days = max(0, (day - since).days)
    penal, carried = penal_charge(overdue, terms.penal_rate, days, int(line.penal_carried))
    return Charge(
        line.loan_id, line.version, line.number, line.currency,
        late_fee, penal, max(since, day), carried, late_fee_on,
    )  # fmt: skip


async def _write(connection: Connection, charges: Sequence[Charge], day: date) -> None:
    if not charges:
        return
    lines = [
        (c.loan_id, c.version, c.number, c.amount, c.penal_to, c.carried, c.late_fee_on)
        for c in charges
    ]
    await connection.execute(_CHARGE_LINES, *map(list, zip(*lines, strict=True)))
    entries = await _book(connection, charges, day)
    rows = [
        (c.loan_id, c.version, c.number, kind, amount, entries[c.loan_id])
        for c in charges
        for kind, amount in (("late_fee", c.late_fee), ("penal", c.penal))
        if amount
    ]
    if rows:
        *columns, transactions = map(list, zip(*rows, strict=True))
        await connection.execute(_INSERT_CHARGES, *columns, day, transactions)


async def _book(connection: Connection, charges: Sequence[Charge], day: date) -> dict[UUID, UUID]:
    """Book one entry per loan; answers the loans' transactions."""
    sums: dict[tuple[UUID, str], int] = defaultdict(int)
    for each in charges:
        sums[each.loan_id, each.currency] += each.amount
    entries = [
        booking.penalty_charged(currency, amount, PenaltyDetails(loan_id, day))
        for (loan_id, currency), amount in sums.items()
    ]
    ids = await booking.post(connection, entries)
    return {
        loan_id: entry for (loan_id, _), entry in zip(sums, ids, strict=True) if entry is not None
    }


def _overdue(line: LateLine, day: date, calendar: CollectionCalendar) -> inbox.Notice:
    return notices.overdue(
        line.user_id,
        LineName(line.loan_id, line.version, line.number),
        money(line.unpaid_minor, line.currency),
        days_past_due(line.due_date, day, calendar),
    )
