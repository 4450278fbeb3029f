"""What the processes count, for Prometheus."""

from functools import cache
from time import perf_counter

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

submitted = Counter("giro_transactions_submitted_total", "Transactions accepted", ["type"])
refused = Counter("giro_transactions_refused_total", "Submissions refused at once", ["code"])
settled = Counter("giro_transactions_settled_total", "Transactions that succeeded", ["type"])
failed = Counter("giro_transactions_failed_total", "Transactions that failed", ["type", "code"])
batch_size = Histogram(
    "giro_settlement_batch_size",
    "Transactions settled in one unit of work",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000),
)
time_to_final = Histogram(
    "giro_time_to_final_seconds", "Acceptance to final state, up to 20 of a batch", buckets=_SECONDS
)
stage_seconds = Histogram(
    "giro_stage_seconds", "Where the time goes, by stage", ["stage"], buckets=_SECONDS
)
shed = Counter("giro_shed_total", "Requests turned away because a queue was full", ["queue"])
retries = Counter("giro_settlement_retries_total", "Units of work run again", ["reason"])
held_elsewhere = Counter(
    "giro_settlement_held_elsewhere_total", "Accounts left out because others held their rows"
)
runs_failed = Counter(
    "giro_business_day_runs_failed_total", "Runs of the business day given up", ["job"]
)
loans_set_aside = Counter(
    "giro_business_day_loans_set_aside_total", "Loans left out of a run of the business day"
)
set_aside = Counter("giro_transactions_set_aside_total", "Transactions failed as internal")
log_lines_dropped = Counter(
    "giro_log_lines_dropped_total", "Lines of the log that nobody read in time"
)
jobs_unreadable = Counter(
    "giro_jobs_unreadable_total", "Messages in a queue that are no jobs", ["queue"]
)
queue_depth = Gauge("giro_queue_depth", "Jobs waiting in a queue", ["queue"])
pending = Gauge("giro_transactions_pending", "Transactions accepted and not final")
oldest_pending_seconds = Gauge(
    "giro_oldest_pending_seconds", "Age of the oldest transaction that is not final"
)
http_requests = Counter("giro_http_requests_total", "Requests", ["method", "route", "status"])
http_seconds = Histogram("giro_http_seconds", "Time to answer", ["route"], buckets=_SECONDS)


class stage:  # noqa: N801 - reads as a statement: ``with stage("book"):``
    """Measures a block, successful or not: its time by the clock, waiting included.

    A class rather than a generator: requests pass several, and it costs them half as much.
    """

    __slots__ = ("_started", "_timer")

    def __init__(self, name: str) -> None:
        self._timer = _timer(name)

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._timer.observe(perf_counter() - self._started)


@cache
def _timer(name: str) -> Histogram:
    return stage_seconds.labels(name)
