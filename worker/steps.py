"""What happens when a business date is closed: each feature's steps."""

from core.business_day.steps import Steps
from core.foundation.config import Settings
from core.lending import steps as lending
from core.rewards import steps as rewards


def every_step(settings: Settings) -> Steps:
    """The table with every step of the bank, in order."""
    steps = Steps()
    lending.register(steps, holiday_country=settings.holiday_country)
    rewards.register(steps, time_zone=settings.time_zone)
    return steps
