"""Which debts a payment settles: what is due before anything that is not, oldest first, and inside
an instalment in a fixed order.

Order inside an instalment: penalty, fee, interest, principal (the appropriation order of Apache
Fineract's "penalties, fees, interest, principal" strategy). A product may put all interest that is
due before any principal that is; charges still come before interest. Interest that is not due has
no such precedence: nobody stays late while money of his pays for a month that has not come.
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
    amount_minor: int,
    due: Sequence[Owed],
    later: Sequence[Owed] = (),
    *,
    interest_first: bool = False,
) -> Allocation:
    """Lay ``amount_minor`` over what is ``due`` (oldest first), and what is left over ``later``.

    With ``interest_first``, one pass settles the charges and interest of all that is due, oldest
    first, before a second pass settles its principal. Later instalments are settled one by one.
    """
    if amount_minor < 0:
        raise ValueError("a payment is never negative")
    passes = ((*CHARGES, Component.INTEREST), (Component.PRINCIPAL,)) if interest_first else (ALL,)
    settled: dict[int, Split] = {}
    left = amount_minor
    for owed, orders in ((due, passes), (later, (ALL,))):
        ordered = sorted(owed, key=lambda instalment: instalment.number)
        for components in orders:
            for instalment in ordered:
                left -= _settle(settled, instalment, components, left)
    paid = tuple(Paid(number, split) for number, split in settled.items() if split.total)
    return Allocation(paid, left)


def total(splits: Iterable[Split]) -> Split:
    """The sum of ``splits``, component by component."""
    return sum(splits, Split())


def _settle(
    settled: dict[int, Split], instalment: Owed, components: Sequence[Component], left: int
) -> int:
    """Settle these components as far as ``left`` goes; answers what was used of it."""
    split, used = settled.get(instalment.number, Split()), 0
    for component in components:
        part = min(left - used, getattr(instalment.unpaid, component))
        if part > 0:
            split = replace(split, **{component.value: getattr(split, component) + part})
            used += part
    settled[instalment.number] = split
    return used


assert tuple(field.name for field in fields(Split)) == ALL  # noqa: S101 - one order, twice
