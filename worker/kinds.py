"""Which types of transactions the workers settle: the simple ones, and each feature's own."""

from core.transactions.kinds import Kinds


def every_kind() -> Kinds:
    """The registry with every type of the bank."""
    return Kinds()
