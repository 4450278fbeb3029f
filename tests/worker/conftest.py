"""Logs as the processes write them."""

from tests.transactions.conftest import _logs

__all__ = ["_logs"]
