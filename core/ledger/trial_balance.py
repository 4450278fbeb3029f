"""The trial balance: every ledger account on its side; debits equal credits in each currency.

It is told of this moment, of the end of a date, or as what moved in a period. Dates are accounting
dates: what was booked in April for a day of March is March's, unless March was locked by then.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from asyncpg import Record

from core.foundation.database import Reader
from core.ledger.chart import LedgerCode

# One statement, so one moment. Customers' accounts stand together in the control account. What
# was booked after a date is little beside what was booked before: it is taken off, with an index.
_BALANCES: Final = """
WITH latest AS (SELECT max(through_entry_no) AS through_entry_no FROM ledger_balance_snapshots),
amounts AS (
  SELECT ledger_code AS code, currency, balance_minor AS amount
  FROM ledger_balance_snapshots s JOIN latest USING (through_entry_no)
  UNION ALL
  SELECT ledger_code, currency, sum(amount_minor) FROM postings, latest
  WHERE ledger_code IS NOT NULL AND entry_no > coalesce(latest.through_entry_no, 0)
  GROUP BY ledger_code, currency
  UNION ALL
  SELECT $1, currency, sum(balance_minor) FROM accounts GROUP BY currency
  UNION ALL
  SELECT coalesce(ledger_code, $1), currency, -sum(amount_minor) FROM postings
  WHERE accounting_date > $2 GROUP BY ledger_code, currency
)
SELECT l.code, l.name, l.type, a.currency, greatest(-sum(a.amount), 0)::text AS debit,
       greatest(sum(a.amount), 0)::text AS credit, now() AS read_at
FROM amounts a JOIN ledger_accounts l USING (code)
GROUP BY l.code, l.name, l.type, a.currency ORDER BY l.code, a.currency
"""
_TURNOVER: Final = """
SELECT l.code, l.name, l.type, p.currency,
       coalesce(-sum(p.amount_minor) FILTER (WHERE p.amount_minor < 0), 0)::text AS debit,
       coalesce(sum(p.amount_minor) FILTER (WHERE p.amount_minor > 0), 0)::text AS credit,
       now() AS read_at
FROM postings p JOIN ledger_accounts l ON l.code = coalesce(p.ledger_code, $1)
WHERE p.accounting_date >= $2 AND p.accounting_date <= $3
GROUP BY l.code, l.name, l.type, p.currency ORDER BY l.code, p.currency
"""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One ledger account in one currency, in minor units; of a balance one of the sides is 0."""

    code: str
    name: str
    type: str
    currency: str
    debit_minor: int
    credit_minor: int


@dataclass(frozen=True, slots=True)
class LedgerTotal:
    """The two sides of one currency, in minor units."""

    currency: str
    debit_minor: int
    credit_minor: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All rows and the totals of each currency; ``read_at`` is None while nothing is booked."""

    read_at: datetime | None
    rows: list[LedgerRow]
    totals: list[LedgerTotal]


async def trial_balance(reader: Reader, as_of: date | None = None) -> TrialBalance:
    """The balances at the end of ``as_of`` by accounting date; None asks for this moment."""
    found = await reader.fetch(_BALANCES, LedgerCode.CUSTOMER_DEPOSITS.value, as_of)
    return _told(found)


async def turnover(reader: Reader, since: date, until: date) -> TrialBalance:
    """What was debited and credited from ``since`` through ``until``, by accounting date."""
    found = await reader.fetch(_TURNOVER, LedgerCode.CUSTOMER_DEPOSITS.value, since, until)
    return _told(found)


def _told(found: list[Record]) -> TrialBalance:
    rows = [
        LedgerRow(
            row["code"], row["name"], row["type"], row["currency"],
            int(row["debit"]), int(row["credit"]),
        )
        for row in found
    ]  # fmt: skip
    return TrialBalance(found[0]["read_at"] if found else None, rows, _totals(rows))


def _totals(rows: Iterable[LedgerRow]) -> list[LedgerTotal]:
    sides: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        sides[row.currency][0] += row.debit_minor
        sides[row.currency][1] += row.credit_minor
    return [LedgerTotal(currency, *sides[currency]) for currency in sorted(sides)]
