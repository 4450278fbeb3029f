"""What may be posted on accounts, decided in memory. Pure: no clock, no database.

These guards hold for every leg, whoever proposed it: a transaction's legs sum to zero in each
currency, only active accounts move, in their own currency, and no balance goes below its overdraft
limit. ``posting`` reads the accounts and writes what came of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from core.foundation.errors import (
    AccountClosed,
    AccountFrozen,
    BalanceLimitExceeded,
    CurrencyMismatch,
    InsufficientFunds,
)

# Far beyond any amount accepted, far within a signed 64-bit integer.
MAX_BALANCE_MINOR: Final = 10**18
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class AccountStatus(StrEnum):
    """Only an active account sends or receives money."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


# Looked up for every leg: a member of an enumeration costs more than the rest of the question.
_ACTIVE: Final = AccountStatus.ACTIVE.value


class Leg(NamedTuple):
    """One signed side of a transaction: on a customer's account or on a ledger account."""

    account_id: UUID | None
    ledger_code: str | None
    amount_minor: int
    currency: str
    balance_after_minor: int | None = None


@dataclass(slots=True, eq=False)
class AccountState:
    """A customer's account as the unit of work sees it; what is posted rewrites ``balance_minor``.

    ``moved`` tells that something was, perhaps to and fro; ``last_booked_at`` when its last posting
    was booked, before which nothing is.
    """

    id: UUID
    currency: str
    status: str
    balance_minor: int
    overdraft_limit_minor: int
    last_booked_at: datetime = NEVER
    moved: bool = False

    @property
    def available_minor(self) -> int:
        """What may be debited now."""
        return available_minor(self.balance_minor, self.overdraft_limit_minor)


Accounts = Mapping[UUID, AccountState]


class IllegalLegs(Exception):  # noqa: N818 - a defect of a rule, not an error of a customer's
    """Legs that make or lose money, or two on one account; nothing is posted."""


def available_minor(balance_minor: int, overdraft_limit_minor: int) -> int:
    """What may be debited from an account that stands like this, in minor units."""
    return balance_minor + overdraft_limit_minor


def own_minor(balance_minor: int) -> int:
    """What of an account that stands like this is the customer's own: none of its overdraft."""
    return balance_minor


def refuse_inactive(status: str) -> None:
    """Raise AccountFrozen or AccountClosed unless this is the status of an active account."""
    if status != _ACTIVE:
        raise AccountFrozen if status == AccountStatus.FROZEN else AccountClosed


def refuse_leg(account: AccountState, amount_minor: int, currency: str) -> None:
    """Refuse to move ``amount_minor`` (signed) of ``currency`` on ``account``.

    Raises AccountFrozen, AccountClosed, CurrencyMismatch, InsufficientFunds or
    BalanceLimitExceeded.
    """
    refuse_inactive(account.status)
    if account.currency != currency:
        raise CurrencyMismatch
    if amount_minor < 0 and account.available_minor + amount_minor < 0:
        raise InsufficientFunds
    if account.balance_minor + amount_minor > MAX_BALANCE_MINOR:
        raise BalanceLimitExceeded


def move(legs: Sequence[Leg], accounts: Accounts) -> list[Leg]:
    """Check all legs, then change the balances; the legs come back with their balances after.

    Raises IllegalLegs, or what ``refuse_leg`` does; no balance has changed then.
    """
    touched: list[AccountState] = []
    for account_id, _, amount_minor, currency, _ in legs:
        if account_id is not None:
            account = accounts[account_id]
            refuse_leg(account, amount_minor, currency)
            if account in touched:
                raise IllegalLegs(f"two legs on account {account_id}")
            touched.append(account)
    refuse_unbalanced(legs)
    moved = []
    for leg in legs:
        account_id, _, amount_minor, currency, _ = leg
        if account_id is None:
            moved.append(leg)
        else:
            account = accounts[account_id]
            account.balance_minor += amount_minor
            account.moved = True
            moved.append(Leg(account_id, None, amount_minor, currency, account.balance_minor))
    return moved


def refuse_unbalanced(legs: Sequence[Leg]) -> None:
    """Raise IllegalLegs unless there are legs and they sum to zero in each currency."""
    totals: dict[str, int] = {}
    for _, _, amount_minor, currency, _ in legs:
        totals[currency] = totals.get(currency, 0) + amount_minor
    if not totals or any(totals.values()):
        raise IllegalLegs("the legs do not sum to zero")
