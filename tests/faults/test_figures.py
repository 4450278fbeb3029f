"""The figures of histories made by hand."""

from typing import Any

from tests.faults.figures import Window, figures
from tests.faults.history import Call
from tests.faults.table import render

WINDOW = Window(injected=10, lifted=14, stopped=20)


def call(ended: float, deed: str, status: int | None, **fields: Any) -> Call:
    told = {"client": "anna", "method": "POST", "path": "/", **fields}
    return Call(deed=deed, began=ended - 0.1, ended=ended, status=status, **told)


def moved(name: str, asked: float, final: float, account: str = "1") -> list[Call]:
    """A transfer: acknowledged, and later seen final."""
    body = {"from_account": account, "reference": name}
    return [
        call(
            asked, "transfer", 202, body=body, answer={"transaction_id": name, "status": "pending"}
        ),
        call(final, "poll", 200, answer={"transaction_id": name, "status": "success"}),
    ]


def test_a_stall_is_the_longest_time_without_an_end_from_the_fault_on() -> None:
    calls = [*moved("a", 1, 9), *moved("b", 11, 11.5), *moved("c", 12, 15), *moved("d", 16, 19.5)]
    told = figures(calls, WINDOW)
    assert told.stall == 4.5
    assert (told.submissions, told.acknowledged, told.settled) == (4, 4, 4)


def test_a_wait_leaves_out_accounts_that_the_fault_itself_held() -> None:
    calls = [*moved("a", 11, 19, account="7"), *moved("b", 11, 13)]
    assert figures(calls, WINDOW).wait == 8
    assert figures(calls, WINDOW, held={"7"}).wait == 2


def test_recovery_ends_with_what_was_accepted_before_and_with_the_last_refusal() -> None:
    calls = moved("a", 12, 15)
    assert figures(calls, WINDOW).recovery == 1
    refused = call(17, "transfer", 503, code="database_unavailable")
    assert figures([*calls, refused], WINDOW).recovery == 3


def test_a_fault_that_nobody_noticed_needs_no_recovery() -> None:
    assert figures(moved("a", 11, 11.5), WINDOW).recovery == 0


def test_the_table_says_what_clients_saw() -> None:
    row = render([
        {
            "fault": "redis-killed", "tells": "Redis: SIGKILL", "breaches": [],
            "stall_seconds": 1.04, "wait_seconds": 2, "recovery_seconds": 0,
            "codes": {"202": 5, "200": 2, "503 overloaded": 1},
        }
    ]).splitlines()[-1]  # fmt: skip
    assert row == (
        "| redis-killed | Redis: SIGKILL | 0 | 1.0 s | 2.0 s | 0.0 s "
        "| 7 taken, 1 of 503 overloaded |"
    )
