"""A loan's history: everything that has happened to it, what was wrong beside what is right."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from core.foundation.database import Reader
from core.foundation.errors import LoanNotFound
from core.lending.servicing.events import EventKind

_LOAN = """
SELECT currency FROM loans
WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2) AND deleted_at IS NULL
"""
_PAGE = """
WITH happened AS (
  SELECT id, kind, value_date, booked_at, amount_minor, transaction_id, undoes, replaces, actor_id,
         reason
  FROM loan_events WHERE loan_id = $1 AND ($2::uuid IS NULL OR id < $2)
  UNION ALL
  SELECT transaction_id, 'collection', business_date, NULL, collected_minor, transaction_id, NULL,
         NULL, NULL, NULL
  FROM loan_collections
  WHERE loan_id = $1 AND collected_minor > 0 AND ($2::uuid IS NULL OR transaction_id < $2)
)
SELECT h.id AS event_id, h.kind, h.value_date, h.booked_at, h.amount_minor, h.transaction_id,
       h.undoes, h.replaces, h.actor_id, h.reason, u.id AS undone_by
FROM happened h LEFT JOIN loan_events u ON u.loan_id = $1 AND u.undoes = h.id
ORDER BY h.id DESC LIMIT $3
"""

# Staff's reasons are told to the borrower with the notice of these.
_REASON_TOLD = frozenset({EventKind.CHARGE, EventKind.WAIVER})


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of a loan's history."""

    event_id: UUID
    kind: EventKind
    value_date: date
    booked_at: datetime | None
    amount_minor: int
    transaction_id: UUID | None
    undoes: UUID | None
    replaces: UUID | None
    actor_id: UUID | None
    reason: str | None
    undone_by: UUID | None
    currency: str

    @property
    def stands(self) -> bool:
        """Whether it counts in the loan's life."""
        return self.undone_by is None


async def page_of_history(
    reader: Reader, loan_id: UUID, *, owner_id: UUID | None, before_id: UUID | None, limit: int
) -> list[Happened]:
    """The newest of what has happened; of this owner's loan, if given. Raises LoanNotFound.

    An owner is told who and why of nothing but why a fee was charged or something let go.
    """
    currency = await reader.fetchval(_LOAN, loan_id, owner_id)
    if currency is None:
        raise LoanNotFound
    rows = await reader.fetch(_PAGE, loan_id, before_id, limit)
    known = {"currency": currency}
    happened = [Happened(**{**row, **known, "kind": EventKind(row["kind"])}) for row in rows]
    return happened if owner_id is None else [_told_to_owner(event) for event in happened]


def _told_to_owner(event: Happened) -> Happened:
    reason = event.reason if event.kind in _REASON_TOLD else None
    return replace(event, actor_id=None, reason=reason)
