"""Every table of the bank, registered on the metadata by importing its model."""

from core.approvals import models as approvals
from core.audit import models as audit
from core.identity import models as identity
from core.ledger import models as ledger
from core.lending import models as lending
from core.notifications import models as notifications
from core.platform import models as platform
from core.transactions import models as transactions

__all__ = [
    "approvals",
    "audit",
    "identity",
    "ledger",
    "lending",
    "notifications",
    "platform",
    "transactions",
]
