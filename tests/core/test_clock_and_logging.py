"""Instants to the millisecond, and logs that keep secrets."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from core.foundation import clock
from core.foundation.logging import MASK, mask_sensitive


def test_now_is_aware_and_in_utc() -> None:
    with time_machine.travel(datetime(2026, 3, 1, 23, 30, tzinfo=UTC), tick=False):
        assert clock.now() == datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
        assert clock.now().tzinfo is UTC
        assert clock.today().isoformat() == "2026-03-01"
        assert clock.today("Asia/Kolkata").isoformat() == "2026-03-02"


@pytest.mark.parametrize(
    ("milliseconds", "instant"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1_700_000_000_123, datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_epoch_milliseconds(milliseconds: int, instant: datetime) -> None:
    assert clock.from_epoch_milliseconds(milliseconds) == instant


@pytest.mark.parametrize("milliseconds", [10**17, -(10**17), 10**30])
def test_an_instant_beyond_the_calendar_is_an_overflow(milliseconds: int) -> None:
    with pytest.raises(OverflowError):
        clock.from_epoch_milliseconds(milliseconds)


def masked(**event: Any) -> dict[str, Any]:
    return dict(mask_sensitive(None, "info", event))


@pytest.mark.parametrize(
    "name",
    ["password", "new_password", "access_token", "Authorization", "SECRET_KEY", "cookie",
     "id_document", "database_url"],
)  # fmt: skip
def test_what_is_called_a_secret_is_masked_at_any_depth(name: str) -> None:
    assert masked(**{name: "s3cret"}) == {name: MASK}
    assert masked(body={"deep": {name: "s3cret"}}) == {"body": {"deep": {name: MASK}}}


def test_the_rest_is_left_alone_and_so_is_the_callers_mapping() -> None:
    body = {"password": "s3cret", "amount": 5}
    assert masked(body=body, path="/x") == {"body": {"password": MASK, "amount": 5}, "path": "/x"}
    assert body["password"] == "s3cret"


def test_secrets_in_a_list_are_masked() -> None:
    assert masked(users=[{"password": "s3cret"}]) == {"users": [{"password": MASK}]}
