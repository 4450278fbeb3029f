"""How the settlement engine settles lending's transactions; ``register`` adds them all."""

from core.lending.collections import cases
from core.lending.collections.kinds.collection import CollectionKind
from core.lending.collections.kinds.recovery import RecoveryKind
from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.kinds.disbursement import DisbursementKind
from core.lending.servicing.kinds.payment import LoanPaymentKind
from core.transactions.kinds import Kinds


def register(kinds: Kinds, *, holiday_country: str = "") -> None:
    """Add the types ``disbursement``, ``emi``, ``loan_payment`` and ``recovery``."""
    calendar = CollectionCalendar(holiday_country)
    for kind in (
        DisbursementKind(calendar),
        CollectionKind(calendar),
        LoanPaymentKind(calendar, cases.note_recovered),
        RecoveryKind(),
    ):
        kinds.register(kind)
