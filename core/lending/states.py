"""A loan's states and every transition there is; whatever is not in the table is a conflict.

DPD, classification and default are facts beside the state, not states.
"""

from enum import StrEnum

from core.foundation.errors import LoanStateConflict


class LoanStatus(StrEnum):
    """Where a loan stands."""

    PENDING = "pending"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    APPROVED = "approved"
    ACTIVE = "active"
    CLOSED = "closed"
    FORECLOSED = "foreclosed"
    RESTRUCTURED = "restructured"
    SETTLED = "settled"
    WRITTEN_OFF = "written_off"


class Classification(StrEnum):
    """The asset classes, best first."""

    STANDARD = "standard"
    SMA0 = "sma0"
    SMA1 = "sma1"
    SMA2 = "sma2"
    NPA = "npa"

    @property
    def severity(self) -> int:
        """0 for standard up to 4 for NPA."""
        return list(Classification).index(self)


class LoanEvent(StrEnum):
    """What can happen to a loan."""

    UPDATE = "update"
    WITHDRAW = "withdraw"
    REJECT = "reject"
    APPROVE = "approve"
    DISBURSE = "disburse"
    ACTIVATE = "activate"
    COLLECT = "collect"
    PAY = "pay"
    PREPAY = "prepay"
    REPAY_IN_FULL = "repay_in_full"
    FORECLOSE = "foreclose"
    RESTRUCTURE = "restructure"
    SETTLE = "settle"
    WRITE_OFF = "write_off"
    RECOVER = "recover"
    CHARGE = "charge"
    WAIVE = "waive"


_REPAYING = {
    LoanEvent.COLLECT: None,
    LoanEvent.PAY: None,
    LoanEvent.PREPAY: None,
    LoanEvent.CHARGE: None,
    LoanEvent.WAIVE: None,
    LoanEvent.REPAY_IN_FULL: LoanStatus.CLOSED,
    LoanEvent.FORECLOSE: LoanStatus.FORECLOSED,
    LoanEvent.RESTRUCTURE: LoanStatus.RESTRUCTURED,
    LoanEvent.SETTLE: LoanStatus.SETTLED,
    LoanEvent.WRITE_OFF: LoanStatus.WRITTEN_OFF,
}

# None: the event is allowed and leaves the state as it is.
TRANSITIONS: dict[LoanStatus, dict[LoanEvent, LoanStatus | None]] = {
    LoanStatus.PENDING: {
        LoanEvent.UPDATE: None,
        LoanEvent.WITHDRAW: LoanStatus.WITHDRAWN,
        LoanEvent.REJECT: LoanStatus.REJECTED,
        LoanEvent.APPROVE: LoanStatus.APPROVED,
    },
    LoanStatus.APPROVED: {
        LoanEvent.DISBURSE: None,
        LoanEvent.ACTIVATE: LoanStatus.ACTIVE,
    },
    LoanStatus.ACTIVE: _REPAYING,
    # A restructured loan lives on under its new schedule.
    LoanStatus.RESTRUCTURED: _REPAYING,
    LoanStatus.WRITTEN_OFF: {LoanEvent.RECOVER: None},
    LoanStatus.REJECTED: {},
    LoanStatus.WITHDRAWN: {},
    LoanStatus.CLOSED: {},
    LoanStatus.FORECLOSED: {},
    LoanStatus.SETTLED: {},
}

# The states in which instalments fall due.
REPAYING = frozenset({LoanStatus.ACTIVE, LoanStatus.RESTRUCTURED})
# The states in which everything was paid.
PAID_OFF = frozenset({LoanStatus.CLOSED, LoanStatus.FORECLOSED})
# The states in which the customer owes, or is about to owe, money.
LIVE = REPAYING | {LoanStatus.PENDING, LoanStatus.APPROVED}


def is_allowed(status: LoanStatus, event: LoanEvent) -> bool:
    """Whether ``event`` may happen to a loan that is ``status``."""
    return event in TRANSITIONS[status]


def require_allowed(status: LoanStatus, event: LoanEvent) -> LoanStatus:
    """The state after ``event``. Raises LoanStateConflict where the table does not have it."""
    if not is_allowed(status, event):
        raise LoanStateConflict(f"{event.replace('_', ' ')}: not on a loan that is {status}")
    return TRANSITIONS[status][event] or status
