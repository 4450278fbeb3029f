"""What the staff are told of the business day, in words."""

from datetime import date
from uuid import UUID

from core.notifications.inbox import Notice


def run_failed(run_id: UUID, job: str, business_date: date) -> Notice:
    """A run of the business day was given up."""
    return Notice(None, "run_failed", "A business day's job has failed",
                  f"The run {run_id} of {job} for {business_date} was given up after repeated "
                  "errors. The job has to be run again for that date.",
                  once=f"run_failed:{run_id}")  # fmt: skip
