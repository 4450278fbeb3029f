"""Every act by its deed, to be made again from what was proposed."""

from collections.abc import Callable
from typing import Any, Final

from core.approvals import corrections
from core.approvals.accounts import Overdraft
from core.approvals.charges import Charge
from core.approvals.deeds import Act, Deed
from core.approvals.loans import Restructuring, Settlement, WriteOff
from core.approvals.money import ByHand, Reversal
from core.approvals.openings import Opening
from core.approvals.staff import NewStaff, RoleChange
from core.approvals.storage import ApprovalView
from core.approvals.waivers import Waiver

_MADE_OF: Final[dict[Deed, Callable[[dict[str, Any]], Act]]] = {
    Deed.CREDIT: lambda body: ByHand.of(Deed.CREDIT, body),
    Deed.DEBIT: lambda body: ByHand.of(Deed.DEBIT, body),
    Deed.OPENING: Opening.of,
    Deed.REVERSAL: Reversal.of,
    Deed.OVERDRAFT: Overdraft.of,
    Deed.SETTLEMENT: Settlement.of,
    Deed.WRITE_OFF: WriteOff.of,
    Deed.RESTRUCTURING: Restructuring.of,
    Deed.CHARGE: Charge.of,
    Deed.WAIVER: Waiver.of,
    Deed.ADJUSTMENT: corrections.of,
    Deed.NEW_STAFF: NewStaff.of,
    Deed.ROLE_CHANGE: RoleChange.of,
}


def proposed(approval: ApprovalView) -> Act:
    """The act exactly as it was proposed."""
    return _MADE_OF[approval.deed]({**approval.body, **(approval.sealed or {})})
