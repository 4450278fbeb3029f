"""What happens when a business date is closed: each feature's steps."""

from core.business_day.steps import Steps
from core.foundation.config import Settings
from core.lending import steps as lending
from core.rewards import steps as rewards
from core.transactions.intake import Intake


def every_step(settings: Settings, intake: Intake) -> Steps:
    """The table with every step of the bank, in order; what they submit goes in by ``intake``."""
    steps = Steps()
    lending.register(steps, intake, holiday_country=settings.holiday_country)
    rewards.register(steps, intake, time_zone=settings.time_zone)
    return steps
