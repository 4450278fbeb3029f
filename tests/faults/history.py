"""The clients' history: every call and its answer, in memory and as JSON lines.

Times are seconds of the harness's own monotonic clock, so that no stepped clock reaches them.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

# What is answered with these was not accepted: it must not be in the books.
NOTHING_ACCEPTED = frozenset(
    {"database_unavailable", "redis_unavailable", "overloaded", "unavailable"}
)


class Outcome(StrEnum):
    """What a client knows after a call."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Call:
    """One request and what came of it.

    ``mark`` names what was submitted (its reference, say) through all its attempts. ``status`` is
    None where no answer came, ``code`` then the name of the client's own error.
    """

    client: str
    deed: str
    began: float
    ended: float
    method: str
    path: str
    body: Any = None
    key: str | None = None
    mark: str | None = None
    status: int | None = None
    code: str | None = None
    answer: Any = None
    replayed: bool = False

    @property
    def outcome(self) -> Outcome:
        """Accepted, surely refused, or unknown (no answer, or an answer that says so)."""
        if self.status is None or self.status >= 500:
            refused = self.status == 503 and self.code in NOTHING_ACCEPTED
            return Outcome.REFUSED if refused else Outcome.UNKNOWN
        return Outcome.ACCEPTED if self.status < 300 else Outcome.REFUSED

    def told(self) -> Iterator[Mapping[str, Any]]:
        """Every transaction that the answer speaks of: at least its id and status."""
        if self.outcome is not Outcome.ACCEPTED or not isinstance(self.answer, dict):
            return
        for told in (self.answer, *self.answer.get("items", ())):
            if isinstance(told, dict) and told.get("transaction_id") and "status" in told:
                yield told


class History:
    """Calls as they end, kept and written at once."""

    def __init__(self, path: Path | None = None) -> None:
        self.calls: list[Call] = []
        self._stream = path.open("a", buffering=1) if path is not None else None

    def record(self, call: Call) -> Call:
        """Keep a call that has ended."""
        self.calls.append(call)
        self._write({"call": asdict(call)})
        return call

    def note(self, what: str, **details: object) -> float:
        """Write down what the nemesis did; the time of it."""
        at = time.monotonic()
        self._write({"note": what, "at": at, **details})
        return at

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._stream is not None:
            self._stream.write(json.dumps(line, default=str, separators=(",", ":")) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The calls of a file that another process wrote, in the order in which they ended."""
        history = cls()
        for line in path.read_text().splitlines():
            if "call" in (entry := json.loads(line)):
                history.calls.append(Call(**entry["call"]))
        return history
