"""What a check is, and what it finds."""

from dataclasses import dataclass, field
from typing import Final

# A breach in bulk is told by its first few; the count says how many there are.
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One statement about the books.

    ``breaches`` selects one text column ``what`` for each row that breaks it; ``figure`` selects
    one number, how much was looked at.
    """

    promise: int
    name: str
    figure: str
    breaches: str


@dataclass(frozen=True, slots=True)
class Breach:
    """A row that breaks a promise, in words."""

    what: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found: rows looked at, breaches in all, and the first few of them."""

    promise: int
    name: str
    looked_at: int
    breach_count: int
    breaches: list[Breach] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the promise holds."""
        return self.breach_count == 0
