"""The trial balance: every ledger account on its side; debits equal credits in each currency."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.foundation.database import Reader
from core.ledger.chart import LedgerCode

# One statement, so one moment. Customers' accounts stand together in the control account.
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
)
SELECT l.code, l.name, l.type, a.currency, sum(a.amount)::text AS amount, now() AS as_of
FROM amounts a JOIN ledger_accounts l USING (code)
GROUP BY l.code, l.name, l.type, a.currency ORDER BY l.code, a.currency
"""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One ledger account in one currency, in minor units; one of the two sides is 0."""

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
    """All rows and the totals of each currency, at one moment."""

    as_of: datetime | None
    rows: list[LedgerRow]
    totals: list[LedgerTotal]


async def trial_balance(reader: Reader) -> TrialBalance:
    """The trial balance of this moment."""
    found = await reader.fetch(_BALANCES, LedgerCode.CUSTOMER_DEPOSITS.value)
    rows = [
        _row(row["code"], row["name"], row["type"], row["currency"], int(row["amount"]))
        for row in found
    ]
    sides: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        sides[row.currency][0] += row.debit_minor
        sides[row.currency][1] += row.credit_minor
    totals = [LedgerTotal(currency, *sides[currency]) for currency in sorted(sides)]
    return TrialBalance(found[0]["as_of"] if found else None, rows, totals)


def _row(code: str, name: str, kind: str, currency: str, amount_minor: int) -> LedgerRow:
    return LedgerRow(code, name, kind, currency, max(-amount_minor, 0), max(amount_minor, 0))
