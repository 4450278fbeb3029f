"""What becomes of transactions, decided in memory: ``decide(movements, accounts, rules)``.

Pure: no clock, no database. Movements are decided in the order given, each on the balances that
the ones before it left. A rule proposes legs; the guards here hold for every rule, present and
future: legs sum to zero, only active accounts move, no balance goes below its overdraft limit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from core.foundation.errors import (
    AccountClosed,
    AccountFrozen,
    BalanceLimitExceeded,
    CurrencyMismatch,
    GiroError,
    InsufficientFunds,
)
from core.transactions.details import AnyDetails, Details, UnknownDetails

# Far beyond any amount accepted, far within a signed 64-bit integer.
MAX_BALANCE_MINOR: Final = 10**18
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Movement(NamedTuple):
    """A pending transaction, as much of it as the decision needs."""

    id: UUID
    seq: int
    type: str
    amount_minor: int
    currency: str
    debit_account_id: UUID | None
    credit_account_id: UUID | None
    contra_code: str | None
    created_at: datetime
    details: Details | None
    request_id: str | None = None


def details_of(movement: Movement, shape: type[AnyDetails]) -> AnyDetails:
    """The movement's details, as those of ``shape``.

    Raises UnknownDetails where they are none, or others.
    """
    if not isinstance(movement.details, shape):
        raise UnknownDetails(movement.type, f"{shape.__name__} expected")
    return movement.details


class Leg(NamedTuple):
    """One signed side of a movement: on a customer's account or on a ledger account."""

    account_id: UUID | None
    ledger_code: str | None
    amount_minor: int
    balance_after_minor: int | None = None


@dataclass(slots=True, eq=False)
class AccountState:
    """A customer's account as the unit of work sees it; decisions rewrite ``balance_minor``.

    ``moved`` tells that one did, perhaps to and fro; ``last_booked_at`` when its last posting was
    booked, before which nothing is.
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
        return self.balance_minor + self.overdraft_limit_minor


Accounts = Mapping[UUID, AccountState]
# A rule answers the movement's legs, or raises the GiroError that refuses it. What it returns may
# move less than the movement's amount (a partial collection); the outcome records what moved.
Rule = Callable[[Movement, Accounts], Sequence[Leg]]


class Outcome(NamedTuple):
    """The end of one movement: either legs to post or the error that refuses it."""

    movement: Movement
    legs: Sequence[Leg] = ()
    failure: GiroError | None = None

    @property
    def amount_minor(self) -> int:
        """What the payer's account was debited with; the movement's amount where none pays."""
        payer = self.movement.debit_account_id
        if payer is not None:
            for leg in self.legs:
                if leg.account_id == payer:
                    return -leg.amount_minor
        return self.movement.amount_minor


class IllegalLegs(Exception):  # noqa: N818 - a defect of a rule, not an error of a customer's
    """A rule proposed legs that make or lose money, or two on one account; nothing is booked."""


def decide(
    movements: Sequence[Movement], accounts: Accounts, rules: Mapping[str, Rule]
) -> list[Outcome]:
    """The outcome of each movement, in order; ``accounts`` end with their balances after all.

    Raises KeyError for a type without a rule and IllegalLegs for a rule that makes or loses
    money; neither leaves a balance half changed. A rule that keeps state between calls must refuse
    by itself what these guards would refuse, before it changes that state.
    """
    return [_decide_one(movement, accounts, rules[movement.type]) for movement in movements]


def _decide_one(movement: Movement, accounts: Accounts, rule: Rule) -> Outcome:
    try:
        legs = rule(movement, accounts)
        return Outcome(movement, _apply(movement, legs, accounts))
    except GiroError as refusal:
        return Outcome(movement, failure=refusal)


def _apply(movement: Movement, legs: Sequence[Leg], accounts: Accounts) -> list[Leg]:
    """Check all legs, then change the balances; the legs come back with their balances after."""
    total = 0
    touched: list[AccountState] = []
    for account_id, _, amount_minor, _ in legs:
        total += amount_minor
        if account_id is not None:
            account = accounts[account_id]
            _guard(movement, amount_minor, account)
            if account in touched:
                raise IllegalLegs(f"{movement.type} {movement.id}: two legs on one account")
            touched.append(account)
    if total or not legs:
        raise IllegalLegs(f"{movement.type} {movement.id}: legs do not sum to zero")
    posted = []
    for leg in legs:
        account_id, _, amount_minor, _ = leg
        if account_id is None:
            posted.append(leg)
        else:
            account = accounts[account_id]
            account.balance_minor += amount_minor
            account.moved = True
            posted.append(Leg(account_id, None, amount_minor, account.balance_minor))
    return posted


def _guard(movement: Movement, amount_minor: int, account: AccountState) -> None:
    if account.status != "active":
        raise AccountFrozen if account.status == "frozen" else AccountClosed
    if account.currency != movement.currency:
        raise CurrencyMismatch
    after = account.balance_minor + amount_minor
    if amount_minor < 0 and after < -account.overdraft_limit_minor:
        raise InsufficientFunds
    if after > MAX_BALANCE_MINOR:
        raise BalanceLimitExceeded


def move_amount(movement: Movement, _accounts: Accounts) -> Sequence[Leg]:
    """The rule of every simple type: the whole amount from the debited to the credited side."""
    return (
        _side(movement.debit_account_id, movement.contra_code, -movement.amount_minor),
        _side(movement.credit_account_id, movement.contra_code, movement.amount_minor),
    )


def _side(account_id: UUID | None, contra_code: str | None, amount_minor: int) -> Leg:
    if account_id is None:
        return Leg(None, contra_code, amount_minor)
    return Leg(account_id, None, amount_minor)
