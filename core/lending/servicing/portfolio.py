"""The portfolio in figures: what is out, how much of it is at risk, how well it is collected.

Portfolio at risk (CGAP, "Measuring Microfinance Delinquency"): the whole principal outstanding of
loans more than so many days past due, over the principal outstanding of all.
"""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from core.foundation.database import Reader
from core.foundation.money import to_major, whole_sums
from core.lending.servicing.overdue import IS_OVERDUE

_OUTSTANDING = """
SELECT currency, count(*) AS loans, sum(principal_outstanding_minor) AS outstanding,
  coalesce(sum(principal_outstanding_minor) FILTER (WHERE dpd > 30), 0) AS par_30,
  coalesce(sum(principal_outstanding_minor) FILTER (WHERE dpd > 60), 0) AS par_60,
  coalesce(sum(principal_outstanding_minor) FILTER (WHERE dpd > 90), 0) AS par_90,
  coalesce(sum(principal_outstanding_minor) FILTER (WHERE classification = 'npa'), 0)
    AS npa,
  count(*) FILTER (WHERE in_default) AS in_default
FROM loans WHERE status IN ('active', 'restructured') GROUP BY currency ORDER BY currency
"""
_BY_DAY = f"""
SELECT i.due_date, l.currency,
  sum(i.principal_minor + i.interest_minor + i.fee_minor + i.penalty_minor) AS due,
  sum(i.principal_paid_minor + i.interest_paid_minor + i.fee_paid_minor + i.penalty_paid_minor)
    AS collected,
  coalesce(sum(i.unpaid_minor) FILTER (WHERE {IS_OVERDUE}), 0) AS overdue
FROM loan_instalments i JOIN loans l ON l.id = i.loan_id
WHERE i.due_date BETWEEN $2 AND $3 AND i.superseded_at IS NULL AND l.deleted_at IS NULL
GROUP BY i.due_date, l.currency ORDER BY i.due_date, l.currency
"""  # noqa: S608 - the rule of another file
_STATES = "SELECT status, count(*) AS loans FROM loans WHERE deleted_at IS NULL GROUP BY status"


class Outstanding(NamedTuple):
    """The running loans in one currency: how many, what is out, and what of it is at risk."""

    currency: str
    loans: int
    outstanding: int
    par_30: int
    par_60: int
    par_90: int
    npa: int
    in_default: int


class DueDay(NamedTuple):
    """What fell due on a day in one currency, and what became of it, in minor units."""

    due_date: date
    currency: str
    due: int
    collected: int
    overdue: int


async def portfolio(reader: Reader, *, since: date, until: date, today: date) -> dict[str, Any]:
    """The lending section of the report, for instalments due ``since`` to ``until``."""
    outstanding = [Outstanding(**whole_sums(dict(row))) for row in await reader.fetch(_OUTSTANDING)]
    found = await reader.fetch(_BY_DAY, today, since, min(until, today))
    days = [DueDay(**whole_sums(dict(row))) for row in found]
    states = await reader.fetch(_STATES)
    return {
        "business_date": today,
        "loans_by_status": {row["status"]: row["loans"] for row in states},
        "portfolio": [_portfolio(row) for row in outstanding],
        "collection": _collection(days),
        "by_day": [_day(row) for row in days],
    }


def ratio(part: int, whole: int) -> Decimal:
    """``part`` of ``whole`` to four decimals; 0 of nothing."""
    if not whole:
        return Decimal(0)
    return (Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _portfolio(row: Outstanding) -> dict[str, Any]:
    currency, whole = row.currency, row.outstanding
    return {
        "currency": currency,
        "active_loans": row.loans,
        "loans_in_default": row.in_default,
        "outstanding_principal": to_major(whole, currency),
        "par_30": ratio(row.par_30, whole),
        "par_60": ratio(row.par_60, whole),
        "par_90": ratio(row.par_90, whole),
        "npa_amount": to_major(row.npa, currency),
        "npa_ratio": ratio(row.npa, whole),
    }


def _collection(days: Sequence[DueDay]) -> list[dict[str, Any]]:
    """Due and collected over the whole span, by currency."""
    due: dict[str, int] = {}
    collected: dict[str, int] = {}
    for row in days:
        currency = row.currency
        due[currency] = due.get(currency, 0) + row.due
        collected[currency] = collected.get(currency, 0) + row.collected
    return [
        {
            "currency": currency,
            "due": to_major(due[currency], currency),
            "collected": to_major(collected[currency], currency),
            "efficiency": ratio(collected[currency], due[currency]),
        }
        for currency in sorted(due)
    ]


def _day(row: DueDay) -> dict[str, Any]:
    currency = row.currency
    return {
        "day": row.due_date,
        "currency": currency,
        "due": to_major(row.due, currency),
        "collected": to_major(row.collected, currency),
        "overdue": to_major(row.overdue, currency),
    }
