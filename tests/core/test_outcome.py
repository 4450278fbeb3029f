"""Looking for what a commit made whose answer was lost."""

import pytest
from structlog.testing import capture_logs

from core.foundation import outcome
from core.foundation.database import Database
from core.foundation.ids import new_id
from core.transactions.views import trace


async def test_a_row_that_is_not_there_is_no_failure_to_read(database: Database) -> None:
    with capture_logs() as lines:
        assert not await outcome.is_found(database, trace(new_id()))
    assert lines == []


async def test_a_look_that_could_not_read_is_logged_with_what_was_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outcome, "SECONDS_BETWEEN_LOOKS", 0)
    nowhere, row_id = Database("postgresql://nobody@127.0.0.1:1/nothing", name="test"), new_id()
    with capture_logs() as lines:
        assert not await outcome.is_found(nowhere, trace(row_id))
    await nowhere.close()
    told = [line for line in lines if line["event"] == "outcome_not_read"]
    assert [(line["look"], line["transaction_id"]) for line in told] == [
        (look, str(row_id)) for look in range(1, outcome.LOOKS + 1)
    ]
