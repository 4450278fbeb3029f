"""How the settlement engine settles lending's transactions; ``register`` adds them all."""

from core.lending.collections import cases
from core.lending.collections.kinds.collection import CollectionKind
from core.lending.collections.kinds.recovery import RecoveryKind
from core.lending.corrections.kinds.correction import AdjustmentKind, LatePaymentKind
from core.lending.corrections.kinds.refund import RefundKind
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.kinds.disbursement import DisbursementKind
from core.lending.servicing.kinds.payment import LoanPaymentKind
from core.transactions.kinds import Kinds


def register(kinds: Kinds, *, holiday_country: str = "") -> None:
    """Add the types of loans in service, of collections and of corrections."""
    calendar = CollectionCalendar(holiday_country)
    for kind in (
        DisbursementKind(calendar),
        CollectionKind(calendar),
        LoanPaymentKind(calendar, cases.note_recovered),
        RecoveryKind(),
        AdjustmentKind(calendar),
        LatePaymentKind(calendar),
        RefundKind(),
    ):
        kinds.register(kind)
