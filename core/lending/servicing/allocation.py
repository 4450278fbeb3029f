"""Which debts a payment settles: oldest instalment first, and inside it in a fixed order.

Order inside an instalment: penalty, fee, interest, principal (the appropriation order of Apache
Fineract's "penalties, fees, interest, principal" strategy). A product may put all interest that is
due before any principal; charges still come before interest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum


class Component(StrEnum):
    """What an instalment consists of, in the order in which money settles it."""

    PENALTY = "penalty"
    FEE = "fee"
    INTEREST = "interest"
    PRINCIPAL = "principal"


@dataclass(frozen=True, slots=True)
class Split:
    """An amount by component, in minor units; never negative."""

    penalty: int = 0
    fee: int = 0
    interest: int = 0
    principal: int = 0

    @property
    def total(self) -> int:
        """All components together."""
        return self.penalty + self.fee + self.interest + self.principal

    def __add__(self, other: "Split") -> "Split":
        return Split(
            self.penalty + other.penalty,
            self.fee + other.fee,
            self.interest + other.interest,
            self.principal + other.principal,
        )

    def __sub__(self, other: "Split") -> "Split":
        return Split(
            self.penalty - other.penalty,
            self.fee - other.fee,
            self.interest - other.interest,
            self.principal - other.principal,
        )


@dataclass(frozen=True, slots=True)
class Owed:
    """What is still unpaid of the instalment ``number``."""

    number: int
    unpaid: Split


@dataclass(frozen=True, slots=True)
class Paid:
    """What a payment settles of the instalment ``number``."""

    number: int
    split: Split


@dataclass(frozen=True, slots=True)
class Allocation:
    """A payment laid out over instalments; ``remainder_minor`` found no debt."""

    paid: tuple[Paid, ...]
    remainder_minor: int

    @property
    def split(self) -> Split:
        """What the payment settles in all, by component."""
        return total(part.split for part in self.paid)


CHARGES = (Component.PENALTY, Component.FEE)
ALL = tuple(Component)


def allocate(
    amount_minor: int, owed: Sequence[Owed], *, interest_first: bool = False
) -> Allocation:
    """Lay ``amount_minor`` over ``owed`` (oldest first) until either is used up.

    With ``interest_first``, one pass settles every instalment's charges and interest, oldest
    first, before a second pass settles principal.
    """
    if amount_minor < 0:
        raise ValueError("a payment is never negative")
    passes = ((*CHARGES, Component.INTEREST), (Component.PRINCIPAL,)) if interest_first else (ALL,)
    ordered = sorted(owed, key=lambda instalment: instalment.number)
    settled = {instalment.number: Split() for instalment in ordered}
    left = amount_minor
    for components in passes:
        for instalment in ordered:
            for component in components:
                part = min(left, getattr(instalment.unpaid, component))
                if part > 0:
                    settled[instalment.number] = _with(settled[instalment.number], component, part)
                    left -= part
    paid = tuple(Paid(number, split) for number, split in settled.items() if split.total)
    return Allocation(paid, left)


def total(splits: Iterable[Split]) -> Split:
    """The sum of ``splits``, component by component."""
    return sum(splits, Split())


def _with(split: Split, component: Component, amount_minor: int) -> Split:
    return replace(split, **{component.value: getattr(split, component) + amount_minor})


assert tuple(field.name for field in fields(Split)) == ALL  # noqa: S101 - one order, twice
