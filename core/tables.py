"""Every table of the bank and the feature that owns it: whose ``tables`` declares it.

Only its owner's functions read and write a table, but everybody may read the views that an owner
publishes; `tests/architecture` reads every statement and says where that is not so. Importing this
module registers all tables on the metadata.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Final

from sqlalchemy import Table

from core.approvals import tables as approvals
from core.audit import tables as audit
from core.business_day import tables as business_day
from core.foundation.database import Base
from core.identity import tables as identity
from core.ledger import tables as ledger
from core.lending import tables as lending
from core.notifications import tables as notifications
from core.operations import tables as operations
from core.rewards import tables as rewards
from core.transactions import tables as transactions

FEATURES: Final[Mapping[str, ModuleType]] = {
    "approvals": approvals,
    "audit": audit,
    "business_day": business_day,
    "identity": identity,
    "ledger": ledger,
    "lending": lending,
    "notifications": notifications,
    "operations": operations,
    "rewards": rewards,
    "transactions": transactions,
}


def declared_by(tables: ModuleType) -> dict[str, Table]:
    """The tables that a module declares, by the name which they have there."""
    found: dict[str, Table] = {}
    for name, value in vars(tables).items():
        if isinstance(value, Table):
            found[name] = value
        elif isinstance(value, type) and issubclass(value, Base) and value is not Base:
            table = value.__table__
            if value.__module__ == tables.__name__ and isinstance(table, Table):
                found[name] = table
    return found


OWNERS: Final[Mapping[str, str]] = {
    table.name: feature
    for feature, tables in FEATURES.items()
    for table in declared_by(tables).values()
}

# Views with columns that their owner promises to keep, by owner. Everybody may join them.
PUBLISHED: Final[Mapping[str, str]] = {"account_directory": "ledger", "booking_dates": "ledger"}
