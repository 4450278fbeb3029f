"""The checker on histories made by hand: on a sound one it is silent, each breach it names."""

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.books import Books, Leg, Row
from tests.faults.checker import check
from tests.faults.history import Call

ANNA, BERT = "1000000016", "1000000024"


def call(at: float, deed: str = "transfer", **fields: Any) -> Call:
    """A call that took a tenth of a second."""
    method = "GET" if deed in {"poll", "statement", "family"} else "POST"
    told = {"client": "anna", "method": method, "path": f"/{deed}", "status": 202, **fields}
    return Call(deed=deed, began=at, ended=at + 0.1, **told)


def submitted(at: float, name: str, **fields: Any) -> Call:
    """A transfer of 5 from Anna to Bert with the reference ``name``, acknowledged as ``name``."""
    body = {"from_account": ANNA, "to_account": BERT, "amount": "5", "reference": name}
    answer = {"transaction_id": name, "status": "pending"}
    return call(at, body=body, mark=name, **{"answer": answer, **fields})


def seen(at: float, name: str, status: str, **told: Any) -> Call:
    return call(at, "poll", status=200, answer={"transaction_id": name, "status": status, **told})


def row(name: str, seq: int, **fields: Any) -> Row:
    settled = Row(name, seq, "transfer", "success", None, 500, ANNA, BERT, name)
    return replace(settled, **fields)


def legs(name: str, entry_no: int, before: int = 0) -> list[Leg]:
    """What one transfer of 5 posts, on accounts that hold ``before`` minor units more or less."""
    return [
        Leg(name, ANNA, entry_no, -500, 10_000 - before - 500),
        Leg(name, BERT, entry_no + 1, 500, before + 500),
    ]


SOUND_CALLS = [
    submitted(1, "one"),
    seen(2, "one", "success", amount=5),
    submitted(3, "two", key="k2"),
    submitted(4, "two", key="k2", answer={"transaction_id": "two", "status": "success"},
              replayed=True),
    submitted(5, "three", status=400, code="insufficient_funds", answer={}),
    submitted(6, "four", status=None, code="ReadTimeout", answer=None),
]  # fmt: skip
SOUND_BOOKS = Books(
    [row("one", 1), row("two", 2), row("four", 3)],
    [*legs("one", 1), *legs("two", 3, 500), *legs("four", 5, 1_000)],
    {"k2": "two"},
)


def rules(calls: list[Call], books: Books = SOUND_BOOKS) -> set[str]:
    return {breach.rule for breach in check(calls, books)}


def test_a_sound_history_breaks_no_rule() -> None:
    assert check(SOUND_CALLS, SOUND_BOOKS) == []


def test_what_nobody_knows_may_be_there_or_not() -> None:
    without = Books(SOUND_BOOKS.rows[:2], SOUND_BOOKS.legs[:4], SOUND_BOOKS.keys)
    assert check(SOUND_CALLS, without) == []


def test_a_final_state_that_changes_is_a_breach() -> None:
    assert rules([*SOUND_CALLS, seen(7, "one", "pending")]) == {"final once"}
    assert rules([*SOUND_CALLS, seen(7, "one", "success", amount=6)]) == {"final once"}


def test_an_answer_under_way_while_another_told_the_end_is_none() -> None:
    early = replace(seen(1.9, "one", "pending"), ended=3)
    assert rules([*SOUND_CALLS, early]) == set()


def test_a_final_state_that_the_books_do_not_share_is_a_breach() -> None:
    told_failed = [submitted(1, "one"), seen(2, "one", "failed", failure_code="internal")]
    assert "final once" in rules(told_failed)


def test_an_acknowledgement_without_a_row_is_a_breach() -> None:
    assert rules([*SOUND_CALLS, submitted(8, "lost")]) == {"nothing lost"}


def test_an_acknowledged_row_that_never_ends_is_a_breach() -> None:
    books = Books([row("one", 1, status="pending")], [], {})
    assert rules([submitted(1, "one")], books) == {"nothing lost"}


def test_a_reference_accepted_twice_is_a_breach() -> None:
    again = row("again", 4, mark="one")
    books = Books([*SOUND_BOOKS.rows, again], [*SOUND_BOOKS.legs, *legs("again", 7, 1_500)],
                  SOUND_BOOKS.keys)  # fmt: skip
    assert rules(SOUND_CALLS, books) == {"nothing twice"}


def test_a_transaction_that_posts_twice_is_a_breach() -> None:
    books = replace(SOUND_BOOKS, legs=[*SOUND_BOOKS.legs, *legs("four", 7, 1_500)])
    assert rules(SOUND_CALLS, books) == {"nothing twice"}


def test_a_failed_transaction_that_posts_is_a_breach() -> None:
    rows = [row("one", 1, status="failed", failure_code="internal"), *SOUND_BOOKS.rows[1:]]
    assert "nothing twice" in rules([], replace(SOUND_BOOKS, rows=rows))


@pytest.mark.parametrize("wrong", [{"amount_minor": 501}, {"debit": BERT}, {"credit": ANNA}])
def test_another_movement_than_was_asked_for_is_a_breach(wrong: dict[str, Any]) -> None:
    rows = [replace(SOUND_BOOKS.rows[0], **wrong), *SOUND_BOOKS.rows[1:]]
    assert "as asked" in rules(SOUND_CALLS, replace(SOUND_BOOKS, rows=rows))


def test_a_later_request_booked_before_an_acknowledged_one_is_a_breach() -> None:
    swapped = [*legs("two", 1), *legs("one", 3, 500), *SOUND_BOOKS.legs[4:]]
    assert rules(SOUND_CALLS, replace(SOUND_BOOKS, legs=swapped)) == {"in order"}


def test_requests_under_way_together_have_no_order() -> None:
    together = [submitted(1, "one"), submitted(1.05, "two")]
    swapped = [*legs("two", 1), *legs("one", 3, 500), *SOUND_BOOKS.legs[4:]]
    assert rules(together, replace(SOUND_BOOKS, legs=swapped, keys={})) == set()


def test_items_of_a_batch_out_of_order_are_a_breach() -> None:
    rows = [row("one", 1, batch_id="b"), row("two", 2, batch_id="b")]
    books = Books(rows, [*legs("two", 1), *legs("one", 3, 500)], {})
    assert rules([], books) == {"in order"}


def test_a_balance_that_does_not_follow_is_a_breach() -> None:
    *others, last = SOUND_BOOKS.legs
    wrong = [*others, replace(last, balance_after_minor=last.balance_after_minor + 1)]
    assert rules(SOUND_CALLS, replace(SOUND_BOOKS, legs=wrong)) == {"balances add up"}


def test_a_key_that_gives_two_transactions_is_a_breach() -> None:
    other = submitted(7, "four", key="k2")
    assert "replays agree" in rules([*SOUND_CALLS, other])


def test_a_replay_that_does_not_say_so_is_a_breach() -> None:
    silent = replace(SOUND_CALLS[3], replayed=False)
    assert rules([*SOUND_CALLS[:3], silent]) == {"replays agree"}


@pytest.mark.parametrize(
    ("status", "code"), [(503, "database_unavailable"), (503, "overloaded"), (400, "no_account")]
)
def test_a_refusal_of_what_is_there_is_a_breach(status: int, code: str) -> None:
    refused = submitted(6, "four", status=status, code=code, answer={})
    assert rules([*SOUND_CALLS[:5], refused]) == {"honest refusals"}


def test_an_answer_that_leaves_it_open_is_no_refusal() -> None:
    unknown = submitted(6, "four", status=503, code="outcome_unknown", answer={})
    assert rules([*SOUND_CALLS[:5], unknown]) == set()


def test_a_defect_is_a_breach_and_no_refusal() -> None:
    defect = submitted(6, "four", status=500, code="internal", answer={})
    assert rules([*SOUND_CALLS[:5], defect]) == {"no defects"}


def test_an_item_refused_by_its_batch_and_there_all_the_same_is_a_breach() -> None:
    body = {"items": [{"reference": "one", "amount": "5"}, {"reference": "two", "amount": "5"}]}
    items = [
        {"index": 0, "transaction_id": None, "status": "rejected"},
        {"index": 1, "transaction_id": "two", "status": "pending"},
    ]
    batch = call(1, "batch", body=body, mark="batch", answer={"batch_id": "b", "items": items})
    assert rules([batch], replace(SOUND_BOOKS, keys={})) == {"honest refusals"}


def test_a_family_whose_money_is_not_all_there_is_a_breach() -> None:
    looks = [
        call(at, "family", status=200, answer={"balances": balances})
        for at, balances in ((1, [70, 30]), (2, [60, 40]), (3, [60, 30]))
    ]
    assert rules(looks[:2], Books([], [], {})) == set()
    assert rules(looks, Books([], [], {})) == {"sums for readers"}


def test_a_statement_that_changes_or_does_not_add_up_is_a_breach() -> None:
    def statement(at: float, *entries: Any) -> Call:
        return call(at, "statement", status=200, answer={"entries": entries})

    empty = Books([], [], {})
    sound = statement(1, ["b", 5, 15], ["a", 10, 10])
    assert rules([sound, statement(2, ["c", -1, 14], ["b", 5, 15])], empty) == set()
    assert rules([statement(1, ["b", 5, 16], ["a", 10, 10])], empty) == {"statements grow"}
    assert rules([sound, statement(2, ["b", 6, 16], ["a", 10, 10])], empty) == {"statements grow"}
