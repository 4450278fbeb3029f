"""What must hold of a history, whatever happened meanwhile: pure, from calls and books.

Each rule answers sentences about what broke it; none means that it held.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tests.faults.books import Books, Leg, Row
from tests.faults.history import Call, Outcome

FINAL: Final = frozenset({"success", "failed"})
# What a final transaction never changes.
LASTING: Final = ("status", "amount", "failure_code", "settled_at")
# Every amount of the workload is in a currency of two decimals.
MINOR: Final = 100


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that was broken, and how."""

    rule: str
    what: str


Rule = Callable[[Sequence[Call], Books], Iterator[str]]


def check(calls: Sequence[Call], books: Books) -> list[Breach]:
    """Every rule on the calls of a trial and the books since it began."""
    return [Breach(name, what) for name, rule in RULES.items() for what in rule(calls, books)]


def final_once(calls: Sequence[Call], books: Books) -> Iterator[str]:
    """What was once seen final is seen so for ever, and stands so in the books."""
    first: dict[str, tuple[float, Mapping[str, Any]]] = {}
    for call in sorted(calls, key=lambda call: call.ended):
        for told in call.told():
            if told["status"] in FINAL:
                first.setdefault(told["transaction_id"], (call.ended, told))
    for call in calls:
        for told in call.told():
            seen = first.get(told["transaction_id"])
            # Only what was asked after the other's answer has to know of it.
            if seen is not None and call.began > seen[0] and _differ(seen[1], told):
                yield f"{told['transaction_id']} was {_state(seen[1])} and then {_state(told)}"
    rows = {row.id: row for row in books.rows}
    for transaction_id, (_, told) in first.items():
        row = rows.get(transaction_id)
        if row is not None and (row.status, row.failure_code) != (
            told["status"],
            told.get("failure_code", row.failure_code),
        ):
            yield f"{transaction_id} was {_state(told)}, in the books it is {row.status}"


def nothing_lost(calls: Sequence[Call], books: Books) -> Iterator[str]:
    """What was acknowledged is in the books, and has reached its end."""
    rows = {row.id: row for row in books.rows}
    acknowledged = {told["transaction_id"]: call for call in calls for told in _accepted(call)}
    for transaction_id, call in acknowledged.items():
        row = rows.get(transaction_id)
        if row is None:
            yield f"{transaction_id} was acknowledged ({call.deed} {call.mark}) and is not there"
        elif row.status not in FINAL:
            yield f"{transaction_id} was acknowledged ({call.deed} {call.mark}) and is still open"


def nothing_twice(_calls: Sequence[Call], books: Books) -> Iterator[str]:
    """A mark makes one row; a settled row posts once on each of its accounts, a failed one never.

    A reversal that failed may be tried again.
    """
    marks: dict[str, list[Row]] = defaultdict(list)
    for row in books.rows:
        if row.mark is not None and row.status != "failed":
            marks[row.mark].append(row)
    for mark, rows in marks.items():
        if len(rows) > 1:
            yield f"{mark} was accepted {len(rows)} times: {', '.join(row.id for row in rows)}"
    posted: dict[str, list[str]] = defaultdict(list)
    for leg in books.legs:
        posted[leg.transaction_id].append(leg.account)
    for row in books.rows:
        accounts = {account for account in (row.debit, row.credit) if account is not None}
        expected = sorted(accounts) if row.status == "success" else []
        if sorted(posted[row.id]) != expected:
            yield f"{row.id} ({row.type}, {row.status}) posted on {posted[row.id]}"


def as_asked(calls: Sequence[Call], books: Books) -> Iterator[str]:
    """What was booked is what was asked: its amount and its parties."""
    rows = {row.mark: row for row in books.rows if row.mark is not None}
    for call in calls:
        for mark, asked in _asked(call):
            row = rows.get(mark)
            if row is not None and not _matches(row, asked):
                yield f"{mark} asked {asked}, booked {row}"


def in_order(calls: Sequence[Call], books: Books) -> Iterator[str]:
    """One account's transactions are booked as they were accepted.

    What was asked for after another's acknowledgement comes after it; so does what follows it in
    one batch. Requests that were under way together have no order between them.
    """
    spans = _spans(calls)
    rows = {row.id: row for row in books.rows}
    by_account: dict[str, list[Leg]] = defaultdict(list)
    for leg in sorted(books.legs, key=lambda leg: leg.entry_no):
        by_account[leg.account].append(leg)
    for account, legs in by_account.items():
        acknowledged_first: tuple[float, str] = (float("inf"), "")
        next_in_batch: dict[str, Row] = {}
        for leg in reversed(legs):
            this = leg.transaction_id
            began, acknowledged = spans.get(this, (float("-inf"), float("inf")))
            if began > acknowledged_first[0]:
                yield f"{account}: {this} before {acknowledged_first[1]}, acknowledged earlier"
            acknowledged_first = min(acknowledged_first, (acknowledged, this))
            row = rows.get(this)
            if row is not None and row.batch_id is not None:
                later = next_in_batch.setdefault(row.batch_id, row)
                if row.seq > later.seq:
                    yield f"{account}: {this} before {later.id}, which precedes it in its batch"
                next_in_batch[row.batch_id] = row


def balances_add_up(_calls: Sequence[Call], books: Books) -> Iterator[str]:
    """In the books, each balance follows from the one before it on the account."""
    before: dict[str, int] = {}
    for leg in sorted(books.legs, key=lambda leg: leg.entry_no):
        known = before.get(leg.account)
        if known is not None and known + leg.amount_minor != leg.balance_after_minor:
            yield f"{leg.account}: {known} and {leg.amount_minor} made {leg.balance_after_minor}"
        before[leg.account] = leg.balance_after_minor


def replays_agree(calls: Sequence[Call], books: Books) -> Iterator[str]:
    """One key, one transaction: the same id in every answer, marked as a replay, and in the books.

    What was asked before another's answer came may be the first itself.
    """
    ids: dict[str, set[str]] = defaultdict(set)
    answered_at: dict[str, float] = {}
    for call in sorted(calls, key=lambda call: call.ended):
        if call.key is not None and call.outcome is Outcome.ACCEPTED:
            ids[call.key].add(str(_resource(call.answer)))
            if call.began > answered_at.setdefault(call.key, call.ended) and not call.replayed:
                yield f"the key {call.key} was used again, and the answer does not say so"
    for key, answered in ids.items():
        stored = {books.keys[key]} if key in books.keys else set()
        if len(answered | stored) > 1:
            yield f"the key {key} gave {sorted(answered)}, the books hold {sorted(stored)}"


def honest_refusals(calls: Sequence[Call], books: Books) -> Iterator[str]:
    """What was refused in every attempt is not in the books; nor is what nobody asked for."""
    attempts: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        for mark, _ in _asked(call):
            attempts[mark].append(call)
    stored = {row.mark: row.id for row in books.rows if row.mark is not None}
    stored |= {f"key {key}": resource for key, resource in books.keys.items()}
    for mark, tried in attempts.items():
        if mark in stored and all(_refused(call, mark) for call in tried):
            codes = ", ".join(str(call.code) for call in tried)
            yield f"{mark} was refused ({codes}) and is there as {stored[mark]}"


def readers_see_sums(calls: Sequence[Call], _books: Books) -> Iterator[str]:
    """One list of a family's accounts always adds up to the money that it put in."""
    totals: dict[str, tuple[Decimal, Call]] = {}
    for call in calls:
        if call.deed == "family" and call.outcome is Outcome.ACCEPTED:
            total = sum((Decimal(str(b)) for b in call.answer["balances"]), Decimal(0))
            known, _ = totals.setdefault(call.client, (total, call))
            if total != known:
                yield f"{call.client} saw {total}, and {known} at first"


def statements_grow(calls: Sequence[Call], _books: Books) -> Iterator[str]:
    """A statement's balances follow from one another, and what it showed once stays as it was."""
    known: dict[str, dict[str, tuple[Decimal, Decimal]]] = defaultdict(dict)
    for call in sorted(calls, key=lambda call: call.ended):
        if call.deed != "statement" or call.outcome is not Outcome.ACCEPTED:
            continue
        before: Decimal | None = None
        for entry_id, amount, after in reversed(call.answer["entries"]):
            entry = (Decimal(str(amount)), Decimal(str(after)))
            if before is not None and before + entry[0] != entry[1]:
                yield f"{call.path}: {before} and {amount} made {after} ({entry_id})"
            before = entry[1]
            if known[call.path].setdefault(entry_id, entry) != entry:
                yield f"{call.path}: {entry_id} changed from {known[call.path][entry_id]}"


def no_defects(calls: Sequence[Call], _books: Books) -> Iterator[str]:
    """Whatever goes wrong, the bank knows what to answer: a 500 is a defect."""
    for call in calls:
        if call.status == 500:
            yield f"{call.method} {call.path} ({call.mark}) was answered 500 {call.code}"


RULES: Final[Mapping[str, Rule]] = {
    "final once": final_once,
    "nothing lost": nothing_lost,
    "nothing twice": nothing_twice,
    "as asked": as_asked,
    "in order": in_order,
    "balances add up": balances_add_up,
    "replays agree": replays_agree,
    "honest refusals": honest_refusals,
    "sums for readers": readers_see_sums,
    "statements grow": statements_grow,
    "no defects": no_defects,
}


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return any(one[n] != other[n] for n in LASTING if n in one and n in other)


def _state(told: Mapping[str, Any]) -> str:
    return " ".join(str(told[name]) for name in LASTING if told.get(name) is not None)


def _accepted(call: Call) -> Iterator[Mapping[str, Any]]:
    """The transactions that a submission's answer acknowledges."""
    if call.method != "GET":
        yield from call.told()


def _asked(call: Call) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a submission asked for: each mark with its body."""
    if call.method == "GET" or (call.body is None and call.mark is None):
        return
    body = call.body or {}
    if "items" in body:
        yield from ((item["reference"], item) for item in body["items"])
    elif call.mark is not None:
        yield call.mark, body


def _refused(call: Call, mark: str) -> bool:
    """Whether the answer says that this mark was not accepted."""
    if call.outcome is not Outcome.ACCEPTED:
        return call.outcome is Outcome.REFUSED
    if "items" not in (call.body or {}):
        return False
    references = [item["reference"] for item in call.body["items"]]
    item = next((i for i in call.answer["items"] if references[i["index"]] == mark), None)
    return item is not None and item["transaction_id"] is None


def _resource(answer: Any) -> Any:
    return answer.get("batch_id") or answer.get("transaction_id") or answer.get("loan_id")


def _matches(row: Row, asked: Mapping[str, Any]) -> bool:
    """Whether a row has the amount and the accounts that a body named, as far as it named them."""
    parties = {
        "from_account": row.debit,
        "to_account": row.credit,
        "account": row.credit if row.type == "deposit" else row.debit,
        "account_id": row.credit if row.type == "credit" else row.debit,
    }
    amount = asked.get("amount")
    return (amount is None or Decimal(str(amount)) * MINOR == row.amount_minor) and all(
        asked[name] == party for name, party in parties.items() if asked.get(name)
    )


def _spans(calls: Sequence[Call]) -> dict[str, tuple[float, float]]:
    """For each acknowledged transaction: when it was first asked for, when first acknowledged."""
    asked_first: dict[str, float] = {}
    for call in calls:
        for mark, _ in _asked(call):
            asked_first[mark] = min(asked_first.get(mark, call.began), call.began)
    spans: dict[str, tuple[float, float]] = {}
    for call in sorted(calls, key=lambda call: call.ended):
        items = (call.body or {}).get("items") if call.method != "GET" else None
        for told in _accepted(call):
            name = items[told["index"]]["reference"] if items and "index" in told else call.mark
            first = asked_first.get(str(name), call.began)
            spans.setdefault(told["transaction_id"], (first, call.ended))
    return spans
