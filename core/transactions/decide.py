"""What becomes of transactions, decided in memory: ``decide(movements, accounts, rules)``.

Pure: no clock, no database. Movements are decided in the order given, each on the balances that
the ones before it left. A rule proposes legs; the ledger's guards hold for every rule, present and
future: see ``core.ledger.balances``.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from core.foundation.errors import GiroError, Internal
from core.ledger.balances import Accounts, Leg, move
from core.transactions.details import AnyDetails, Details, UnknownDetails


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

    @property
    def value_date(self) -> date | None:
        """The business date that it is for, where it is for one of its own."""
        return None if self.details is None else self.details.value_date


def details_of(movement: Movement, shape: type[AnyDetails]) -> AnyDetails:
    """The movement's details, as those of ``shape``.

    Raises UnknownDetails where they are none, or others.
    """
    if not isinstance(movement.details, shape):
        raise UnknownDetails(movement.type, f"{shape.__name__} expected")
    return movement.details


# A rule answers the movement's legs, or raises the GiroError that refuses it. What it returns may
# move less than the movement's amount (a partial collection); the outcome records what moved.
Rule = Callable[[Movement, Accounts], Sequence[Leg]]


class Outcome(NamedTuple):
    """The end of one movement: either legs to post or the error that refuses it."""

    movement: Movement
    legs: Sequence[Leg] = ()
    failure: GiroError | None = None

    @property
    def was_set_aside(self) -> bool:
        """Whether it broke its worker, so that no rule has judged it and nothing was loaded."""
        return isinstance(self.failure, Internal)

    @property
    def amount_minor(self) -> int:
        """What the payer's account was debited with; the movement's amount where none pays."""
        payer = self.movement.debit_account_id
        if payer is not None:
            for leg in self.legs:
                if leg.account_id == payer:
                    return -leg.amount_minor
        return self.movement.amount_minor


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
        return Outcome(movement, move(legs, accounts))
    except GiroError as refusal:
        return Outcome(movement, failure=refusal)


def move_amount(movement: Movement, _accounts: Accounts) -> Sequence[Leg]:
    """The rule of every simple type: the whole amount from the debited to the credited side."""
    amount_minor, currency = movement.amount_minor, movement.currency
    debit, credit = movement.debit_account_id, movement.credit_account_id
    contra = movement.contra_code
    return (
        Leg(debit, None if debit else contra, -amount_minor, currency),
        Leg(credit, None if credit else contra, amount_minor, currency),
    )
