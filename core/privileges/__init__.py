"""Who may do what in the database: the matrix, and the means to make the database agree with it."""

from core.privileges.grants import CATALOG, Differences, Grant, apply, differences
from core.privileges.matrix import APPEND_ONLY, RUNTIME_ROLES, TABLES, Role

__all__ = [
    "APPEND_ONLY",
    "CATALOG",
    "RUNTIME_ROLES",
    "TABLES",
    "Differences",
    "Grant",
    "Role",
    "apply",
    "differences",
]
