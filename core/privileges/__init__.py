"""Who may do what in the database: the matrix, and the means to make the database agree with it."""

from core.privileges.grants import CATALOG, Differences, Grant, apply, differences
from core.privileges.matrix import APPEND_ONLY, RUNTIME_ROLES, TABLES, DatabaseRole

__all__ = [
    "APPEND_ONLY",
    "CATALOG",
    "RUNTIME_ROLES",
    "TABLES",
    "DatabaseRole",
    "Differences",
    "Grant",
    "apply",
    "differences",
]
