"""The administration's shapes."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.strict_json import Body, example
from api.schemas.fields import Flag, Money
from core.foundation import money
from core.foundation.money import to_major
from core.ledger.tables import Currency
from core.ledger.trial_balance import LedgerRow, TrialBalance
from core.operations.tables import FailedJob
from core.reporting import report


class TrialBalanceRow(BaseModel):
    """A ledger account in one currency; of a balance one of the two sides is 0."""

    code: str
    name: str
    type: Literal["asset", "liability", "income", "expense", "equity"]
    currency: str
    debit: Money
    credit: Money

    @classmethod
    def of(cls, row: LedgerRow) -> "TrialBalanceRow":
        """The row as answered."""
        return cls(
            code=row.code,
            name=row.name,
            type=row.type,
            currency=row.currency,
            debit=to_major(row.debit_minor, row.currency),
            credit=to_major(row.credit_minor, row.currency),
        )


class TrialBalanceTotal(BaseModel):
    """The two sides of a currency: equal, or the books are broken."""

    currency: str
    debit: Money
    credit: Money


class TrialBalanceAnswer(BaseModel):
    """The balances of a moment, or of a date's end; or what moved ``from`` one ``to`` another.

    Dates are accounting dates; those that were not asked for are null.
    """

    as_of: datetime | date
    since: date | None = Field(serialization_alias="from")
    until: date | None = Field(serialization_alias="to")
    rows: list[TrialBalanceRow]
    totals: list[TrialBalanceTotal]

    @classmethod
    def of(
        cls,
        balance: TrialBalance,
        as_of: date | None,
        since: date | None,
        until: date | None,
        *,
        now: datetime,
    ) -> "TrialBalanceAnswer":
        """The trial balance as answered; ``now`` is its moment while nothing is booked yet."""
        return cls(
            as_of=as_of or balance.read_at or now,
            since=since,
            until=until,
            rows=[TrialBalanceRow.of(row) for row in balance.rows],
            totals=[
                TrialBalanceTotal(
                    currency=total.currency,
                    debit=to_major(total.debit_minor, total.currency),
                    credit=to_major(total.credit_minor, total.currency),
                )
                for total in balance.totals
            ],
        )


class CurrencyAnswer(BaseModel):
    """A currency, and whether accounts may be opened in it."""

    code: str
    name: str
    decimals: int
    enabled: bool

    @classmethod
    def of(cls, row: Currency) -> "CurrencyAnswer":
        """The currency as answered."""
        return cls(
            code=row.code, name=row.name, decimals=money.exponent(row.code), enabled=row.enabled
        )


class Currencies(BaseModel):
    """A page of currencies, by code."""

    items: list[CurrencyAnswer]
    next_cursor: str | None


class CurrencyChange(Body):
    """Allow new accounts in the currency, or no more."""

    model_config = example({"enabled": True})
    enabled: Flag


class FailedJobAnswer(BaseModel):
    """A job that failed after its last retry."""

    job_id: UUID
    queue: str
    actor: str
    args: list[Any]
    error: str
    request_id: str | None
    failed_at: datetime

    @classmethod
    def of(cls, job: FailedJob) -> "FailedJobAnswer":
        """The job as answered."""
        return cls(
            job_id=job.id,
            queue=job.queue,
            actor=job.actor,
            args=job.args,
            error=job.error,
            request_id=job.request_id,
            failed_at=job.failed_at,
        )


class QueueAnswer(BaseModel):
    """A queue and how many jobs wait in it; null while Redis is down."""

    name: str
    depth: int | None


class JobsAnswer(BaseModel):
    """What is waiting, and what went wrong."""

    queues: list[QueueAnswer]
    pending_transactions: int
    oldest_pending_at: datetime | None
    oldest_pending_seconds: float | None
    failed_jobs: list[FailedJobAnswer]


class Retried(BaseModel):
    """A failed job, queued again."""

    job_id: UUID
    status: Literal["queued"] = "queued"


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0


class VolumeRow(BaseModel):
    """A day's transactions of one type and currency; ``volume`` is what settled."""

    day: date
    type: str
    currency: str
    count: int
    failed: int
    failure_rate: float
    volume: Money

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "VolumeRow":
        """The row as answered."""
        return cls(
            day=row["day"],
            type=row["type"],
            currency=row["currency"],
            count=row["count"],
            failed=row["failed"],
            failure_rate=_rate(row["failed"], row["count"]),
            volume=to_major(row["volume_minor"], row["currency"]),
        )


class SettlementReport(BaseModel):
    """How settlement went; seconds from acceptance to the final state."""

    pending: int
    success: int
    failed: int
    failure_rate: float
    p50_seconds: float | None
    p99_seconds: float | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "SettlementReport":
        """The figures as answered."""
        failed, success = row["failed"], row["success"]
        return cls(**row, failure_rate=_rate(failed, failed + success))


class Report(BaseModel):
    """The bank at a glance."""

    total_accounts: int
    total_loans: int
    total_transactions_today: int
    since: datetime
    until: datetime
    transactions: list[VolumeRow]
    settlement: SettlementReport
    lending: dict[str, Any]

    @classmethod
    def of(cls, found: report.Report) -> "Report":
        """The report as answered."""
        return cls(
            total_accounts=found.totals.total_accounts,
            total_loans=found.totals.total_loans,
            total_transactions_today=found.totals.total_transactions_today,
            since=found.span.since,
            until=found.span.until,
            transactions=[VolumeRow.of(row) for row in found.volumes],
            settlement=SettlementReport.of(found.settlement),
            lending=found.lending,
        )
