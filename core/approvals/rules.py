"""What the settings say of staff's deeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core.foundation.config import Environment, Settings

# Each deed's own limit by the setting's name; where it is not set, FOUR_EYES_ABOVE counts.
_OWN_LIMITS: Final[Mapping[str, str]] = {
    "credit": "four_eyes_above_credit",
    "debit": "four_eyes_above_debit",
    "opening": "four_eyes_above_credit",
    "reversal": "four_eyes_above_reversal",
    "overdraft": "four_eyes_above_overdraft",
    "settlement": "four_eyes_above_settlement",
    "write_off": "four_eyes_above_write_off",
    "restructuring": "four_eyes_above_restructuring",
    "charge": "four_eyes_above_charge",
    "waiver": "four_eyes_above_waiver",
    "adjustment": "four_eyes_above_adjustment",
}


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What the bank's settings say of new accounts."""

    country: str
    bank_code: str
    max_accounts: int
    cash_desk_open: bool

    @classmethod
    def of(cls, settings: Settings) -> "AccountRules":
        """The rules of ``settings``."""
        return cls(
            settings.bank_country,
            settings.bank_code,
            settings.max_accounts,
            settings.cash_desk_open,
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits in major units by deed, and what else a deed is judged by."""

    four_eyes_above: Mapping[str, Decimal]
    two_for_staff: bool
    settlement_floor_percent: Decimal
    accounts: AccountRules
    time_zone: str
    holiday_country: str

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """The rules of ``settings``."""
        limits: dict[str, Decimal] = {}
        for deed, name in _OWN_LIMITS.items():
            own: Decimal | None = getattr(settings, name)
            limits[deed] = settings.four_eyes_above if own is None else own
        return cls(
            limits,
            settings.environment is not Environment.DEVELOPMENT,
            settings.settlement_floor_percent,
            AccountRules.of(settings),
            settings.time_zone,
            settings.holiday_country,
        )
