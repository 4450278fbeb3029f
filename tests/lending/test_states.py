"""Every transition of a loan that exists, and every one that does not."""

import itertools

import pytest

from core.foundation.errors import LoanStateConflict
from core.lending.states import (
    REPAYING,
    TRANSITIONS,
    LoanEvent,
    LoanStatus,
    is_allowed,
    require_allowed,
)

ALLOWED = {(status, event) for status, events in TRANSITIONS.items() for event in events}
EVERY = set(itertools.product(LoanStatus, LoanEvent))


@pytest.mark.parametrize(("status", "event"), sorted(EVERY - ALLOWED))
def test_what_is_not_in_the_table_is_a_conflict(status, event):
    with pytest.raises(LoanStateConflict):
        require_allowed(status, event)


@pytest.mark.parametrize(("status", "event"), sorted(ALLOWED))
def test_what_is_in_the_table_happens(status, event):
    assert require_allowed(status, event) in LoanStatus


def test_a_loan_is_decided_once():
    for decided in (LoanStatus.APPROVED, LoanStatus.REJECTED, LoanStatus.WITHDRAWN):
        for event in (LoanEvent.APPROVE, LoanEvent.REJECT, LoanEvent.WITHDRAW, LoanEvent.UPDATE):
            assert not is_allowed(decided, event)


def test_money_goes_out_only_after_approval_and_only_once():
    can_activate = {status for status in LoanStatus if is_allowed(status, LoanEvent.ACTIVATE)}
    assert can_activate == {LoanStatus.APPROVED}
    assert require_allowed(LoanStatus.APPROVED, LoanEvent.ACTIVATE) is LoanStatus.ACTIVE


def test_after_a_write_off_only_recoveries_happen():
    assert list(TRANSITIONS[LoanStatus.WRITTEN_OFF]) == [LoanEvent.RECOVER]
    assert require_allowed(LoanStatus.WRITTEN_OFF, LoanEvent.RECOVER) is LoanStatus.WRITTEN_OFF


def test_a_restructured_loan_repays_like_an_active_one():
    assert TRANSITIONS[LoanStatus.RESTRUCTURED] == TRANSITIONS[LoanStatus.ACTIVE]
    assert {LoanStatus.ACTIVE, LoanStatus.RESTRUCTURED} == REPAYING


def test_ends_are_ends():
    for end in (LoanStatus.CLOSED, LoanStatus.FORECLOSED, LoanStatus.SETTLED, LoanStatus.REJECTED):
        assert TRANSITIONS[end] == {}
