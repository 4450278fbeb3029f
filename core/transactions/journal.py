"""Entries between the bank's own ledger accounts alone: accruals, charges, corrections.

No customer's account is touched, so nothing has to be claimed or decided: the transaction is
written as final, with its postings, in the caller's unit of work.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from core.foundation.database import Connection
from core.foundation.ids import new_id
from core.ledger.balances import Leg, refuse_unbalanced
from core.ledger.chart import LedgerCode
from core.ledger.moment import Moment
from core.transactions import finish
from core.transactions.details import Details, encode
from core.transactions.finish import Recorded


class JournalEntry(NamedTuple):
    """One balanced entry: ``legs`` are (ledger account, signed minor units), credits positive.

    ``value_date`` is the business date that it is for.
    """

    type: str
    currency: str
    legs: Sequence[tuple[LedgerCode, int]]
    value_date: date
    description: str | None = None
    details: Details | None = None
    request_id: str | None = None

    @property
    def amount_minor(self) -> int:
        """The sum of the credits."""
        return sum(amount for _, amount in self.legs if amount > 0)


async def book_journal(
    connection: Connection, entries: Sequence[JournalEntry], moment: Moment
) -> list[UUID]:
    """Write the entries, booked now; answers one transaction id each, in order.

    Raises IllegalLegs for an entry whose legs do not sum to zero; the database refuses it, too.
    """
    finals = [_final(entry, moment) for entry in entries]
    await finish.record(connection, finals, moment.now)
    return [final.id for final in finals]


def _final(entry: JournalEntry, moment: Moment) -> Recorded:
    legs = [Leg(None, code.value, amount, entry.currency) for code, amount in entry.legs]
    refuse_unbalanced(legs)
    return Recorded(
        id=new_id(),
        type=entry.type,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        legs=legs,
        accounting_date=moment.accounting_date(entry.value_date),
        contra_code=legs[0].ledger_code,
        description=entry.description,
        details=encode(entry.details),
        request_id=entry.request_id,
    )
