"""What a trial says in figures: pure, from the calls and the moments of the fault."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.checker import FINAL
from tests.faults.history import Call, Outcome

SUBMISSIONS: Final = frozenset(
    {
        "transfer", "payment", "deposit", "withdrawal", "batch", "credit", "debit", "reverse",
        "approve", "pay",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Window:
    """When the fault began, when it was lifted, when the last one stopped submitting."""

    injected: float
    lifted: float
    stopped: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one trial, in seconds and counts.

    ``stall``: the longest time in which nothing became final, from the injection on, though
    everybody went on submitting. ``wait``: the longest that one acknowledged transaction waited
    for its end, accounts that the fault itself held left out. ``recovery``: from the lift until
    everything acknowledged before it was final and the last refusal or lost call was over.
    """

    submissions: int
    acknowledged: int
    settled: int
    stall: float
    wait: float
    recovery: float
    codes: Mapping[str, int]


def figures(calls: Sequence[Call], window: Window, held: Collection[str] = ()) -> Figures:
    """The figures of a trial; ``held`` are account numbers that the fault itself held."""
    acknowledged = _acknowledged(calls)
    final = _final(calls)
    related = _touching(calls, held)
    moments = sorted(at for at in final.values() if window.injected <= at <= window.stopped)
    gaps = zip([window.injected, *moments], [*moments, window.stopped], strict=True)
    waits = [
        final[one] - began
        for one, began in acknowledged.items()
        if one in final and final[one] >= window.injected and one not in related
    ]
    before = [
        final[one] for one, at in acknowledged.items() if at <= window.lifted and one in final
    ]
    troubles = [call.ended for call in calls if _is_trouble(call) and call.began < window.stopped]
    return Figures(
        submissions=sum(call.deed in SUBMISSIONS for call in calls),
        acknowledged=len(acknowledged),
        settled=len(final.keys() & acknowledged.keys()),
        stall=max((late - early for early, late in gaps), default=0.0),
        wait=max(waits, default=0.0),
        recovery=max(0.0, *(at - window.lifted for at in (window.lifted, *before, *troubles))),
        codes=_codes(calls),
    )


def _acknowledged(calls: Sequence[Call]) -> dict[str, float]:
    """Each transaction that a submission acknowledged, and when."""
    known: dict[str, float] = {}
    for call in calls:
        if call.deed in SUBMISSIONS:
            for told in call.told():
                at = min(call.ended, known.get(told["transaction_id"], call.ended))
                known[told["transaction_id"]] = at
    return known


def _final(calls: Sequence[Call]) -> dict[str, float]:
    """Each transaction that was seen final, and when it first was."""
    known: dict[str, float] = {}
    for call in calls:
        for told in call.told():
            if told["status"] in FINAL:
                at = min(call.ended, known.get(told["transaction_id"], call.ended))
                known[told["transaction_id"]] = at
    return known


def _touching(calls: Sequence[Call], held: Collection[str]) -> set[str]:
    """The transactions that were asked for on accounts that the fault held."""
    if not held:
        return set()
    names = ("from_account", "to_account", "account", "account_id")
    found: set[str] = set()
    for call in calls:
        bodies: list[Mapping[str, Any]] = [call.body] if isinstance(call.body, dict) else []
        bodies += bodies[0].get("items", ()) if bodies else ()
        if any(body.get(name) in held for body in bodies for name in names):
            found |= {told["transaction_id"] for told in call.told()}
    return found


def _is_trouble(call: Call) -> bool:
    """No answer, or one that blames the bank."""
    return call.status is None or call.status >= 500


def _codes(calls: Sequence[Call]) -> dict[str, int]:
    """What the clients saw, the most frequent first; answers that went well under their status."""
    seen = Counter(
        f"{call.status or ''} {call.code or ''}".strip()
        for call in calls
        if call.outcome is not Outcome.ACCEPTED or call.deed in SUBMISSIONS
    )
    return dict(seen.most_common())
