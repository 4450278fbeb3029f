"""The promises about the books, each checked on a live database.

Every check is a query that answers the rows which break its promise; on sound books it answers
none. All run on one snapshot, so that they may run while money moves.
"""

from core.verification.checks import Breach, Check, Result
from core.verification.verify import CHECKS, verify

__all__ = ["CHECKS", "Breach", "Check", "Result", "verify"]
