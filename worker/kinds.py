"""Which types of transactions the workers settle: the simple ones, and each feature's own."""

from core.foundation.config import Settings
from core.lending import kinds as lending
from core.rewards import cashback
from core.transactions.kinds import Kinds


def every_kind(settings: Settings) -> Kinds:
    """The registry with every type of the bank."""
    kinds = Kinds()
    cashback.register(kinds, percent=settings.cashback_percent)
    lending.register(kinds, holiday_country=settings.holiday_country)
    return kinds
