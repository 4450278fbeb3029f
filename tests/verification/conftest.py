"""The superuser of the quiet database, as for the transactions."""

from tests.transactions.conftest import _logs, superuser

__all__ = ["_logs", "superuser"]
