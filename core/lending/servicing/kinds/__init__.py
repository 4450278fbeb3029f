"""How the settlement engine settles lending's transactions; ``register`` adds them all."""

from core.lending.servicing.calendar import CollectionCalendar
from core.lending.servicing.kinds.collection import CollectionKind
from core.lending.servicing.kinds.disbursement import DisbursementKind
from core.lending.servicing.kinds.payment import PaymentKind
from core.lending.servicing.kinds.recovery import RecoveryKind
from core.transactions.kinds import Kinds


def register(kinds: Kinds, *, holiday_country: str = "") -> None:
    """Add the types ``disbursement``, ``emi``, ``loan_payment`` and ``recovery``."""
    calendar = CollectionCalendar(holiday_country)
    for kind in (
        DisbursementKind(calendar),
        CollectionKind(calendar),
        PaymentKind(calendar),
        RecoveryKind(calendar),
    ):
        kinds.register(kind)


__all__ = ["register"]
