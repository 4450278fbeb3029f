"""The superuser of the quiet database, as for the transactions."""

from tests.transactions.conftest import superuser

__all__ = ["superuser"]
