"""Every table of the bank, registered on the metadata by importing its model."""

from core.approvals import tables as approvals
from core.audit import tables as audit
from core.business_day import tables as business_day
from core.identity import tables as identity
from core.ledger import tables as ledger
from core.lending import tables as lending
from core.notifications import tables as notifications
from core.operations import tables as platform
from core.transactions import tables as transactions

__all__ = [
    "approvals",
    "audit",
    "business_day",
    "identity",
    "ledger",
    "lending",
    "notifications",
    "platform",
    "transactions",
]
