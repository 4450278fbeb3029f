"""Crediting cashbacks that have fallen due: by the clock, and when a business date closes."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.rewards.cashback import credit_due
from worker.runtime import Runtime


async def credit_cashbacks(runtime: Runtime, now: datetime) -> int:
    """Submit what is due by ``now`` and ring; answers how many cashbacks it were."""
    submitted = await credit_due(runtime.database, now)
    if submitted:
        await runtime.jobs.ring()
    return submitted


async def credit_cashbacks_of(runtime: Runtime, day: date) -> int:
    """Credit and settle here what is due before the end of business date ``day``."""
    zone = ZoneInfo(runtime.settings.time_zone)
    midnight = datetime.combine(day + timedelta(days=1), time.min, zone)
    submitted = await credit_cashbacks(runtime, midnight - timedelta(microseconds=1))
    if submitted:
        await runtime.settler.drain()
    return submitted
