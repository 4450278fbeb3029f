"""Privileges as a set: what the matrix wants, what the catalog says, and the way between them."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from core.privileges import matrix
from core.privileges.matrix import RUNTIME_ROLES

PUBLIC: Final = "PUBLIC"

# Every privilege that anybody holds on the database, the schema and what is in it, and every
# object even if nobody holds any; then the roles. What was never granted or revoked has no list of
# its own: acldefault says what holds.
CATALOG: Final = """
WITH object (kind, name, column_name, owner, acl) AS (
  SELECT 'DATABASE', quote_ident(datname), NULL, datdba,
         coalesce(datacl, acldefault('d', datdba))
  FROM pg_database WHERE datname = current_database()
  UNION ALL
  SELECT 'SCHEMA', quote_ident(nspname), NULL, nspowner, coalesce(nspacl, acldefault('n', nspowner))
  FROM pg_namespace WHERE nspname = current_schema()
  UNION ALL
  SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, quote_ident(relname), NULL,
         relowner,
         coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
  FROM pg_class
  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  UNION ALL
  SELECT 'TABLE', quote_ident(c.relname), a.attname, c.relowner, a.attacl
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = current_schema()::regnamespace AND a.attacl IS NOT NULL
    AND NOT a.attisdropped
  UNION ALL
  SELECT 'ROUTINE', oid::regprocedure::text, NULL, proowner,
         coalesce(proacl, acldefault('f', proowner))
  FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
)
SELECT kind::text, name::text, coalesce(column_name, '')::text AS column_name,
       coalesce(privilege_type, '')::text AS privilege,
       CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END::text AS role,
       coalesce(is_grantable, false) AS is_grantable, coalesce(grantee = owner, false) AS is_owner
FROM object LEFT JOIN LATERAL aclexplode(acl) ON true
UNION ALL
SELECT 'ROLE', rolname::text, '', '', NULL, false, false FROM pg_roles
"""


class Grant(NamedTuple):
    """One privilege of one role on one object, or on one column of it (else '')."""

    role: str
    kind: str
    object: str
    privilege: str
    column: str = ""
    grantable: bool = False

    def __str__(self) -> str:
        column = f" ({self.column})" if self.column else ""
        option = ", and may grant it on" if self.grantable else ""
        return f"{self.role}: {self.privilege}{column} on {self.kind.lower()} {self.object}{option}"


@dataclass(frozen=True, slots=True)
class Differences:
    """What is held and should not be, and what should be held and is not."""

    extra: frozenset[Grant]
    missing: frozenset[Grant]


def apply(run: Callable[[str], Sequence[Any]]) -> None:
    """Make the database's privileges those of the matrix; ``run`` speaks for the tables' owner.

    ``run`` executes one statement and answers its rows. Harmless where all is as it should be.
    Without any of the runtime roles (a database that one role owns and uses) only the append-only
    tables are closed.
    """
    for statement in _statements("REVOKE", "FROM", differences(run(CATALOG)).extra):
        run(f"{statement} CASCADE")  # with it goes what its holder has granted on
    # Revoking a privilege on a table has taken it from each of its columns as well.
    for statement in _statements("GRANT", "TO", differences(run(CATALOG)).missing):
        run(statement)


def differences(catalog: Sequence[Any]) -> Differences:
    """Where the privileges of the runtime roles, of PUBLIC and of the owner leave the matrix.

    ``catalog`` is what CATALOG answered. Other roles are the operator's affair, but for what
    nobody may do.
    """
    roles = {name for kind, name, *_ in catalog if kind == "ROLE"} & set(RUNTIME_ROLES)
    wanted = _wanted(catalog, roles)
    judged = {*roles, PUBLIC} if roles else set()
    held, too_much = set(), set()
    for kind, name, column, privilege, role, is_grantable, is_owner in catalog:
        grant = Grant(role, kind, name, privilege, column, is_grantable)
        if role in judged and not is_owner:
            held.add(grant)
        elif _is_closed(grant):
            too_much.add(grant)
    return Differences(frozenset((held - wanted) | too_much), frozenset(wanted - held))


def parse(privileges: str) -> Iterable[tuple[str, str]]:
    """``SELECT, UPDATE (a, b)`` as (privilege, column) pairs, column '' for the whole table."""
    for privilege, columns in re.findall(r"([A-Z]+)\s*(?:\(([^)]*)\))?", privileges):
        for column in columns.split(",") if columns else [""]:
            yield privilege, column.strip()


def _wanted(catalog: Sequence[Any], roles: Collection[str]) -> set[Grant]:
    """What the matrix gives the roles that exist on what exists."""
    objects = {(kind, name) for kind, name, *_ in catalog}
    wanted = set()
    for kind, name in objects:
        for role in RUNTIME_ROLES:
            if role in roles:
                for privilege, column in parse(matrix.privileges(kind, name, role)):
                    wanted.add(Grant(role, kind, name, privilege, column))
    return wanted


def _is_closed(grant: Grant) -> bool:
    return (
        grant.kind == "TABLE"
        and grant.object in matrix.APPEND_ONLY
        and grant.privilege in matrix.NEVER_ON_APPEND_ONLY
    )


def _statements(verb: str, preposition: str, grants: Iterable[Grant]) -> list[str]:
    """One statement for each role and object."""
    by_object: dict[tuple[str, str, str], list[Grant]] = defaultdict(list)
    for grant in sorted(grants):
        by_object[grant.role, grant.kind, grant.object].append(grant)
    return [
        f"{verb} {', '.join(_written(grants))} ON {kind} {object_} {preposition} {_quoted(role)}"
        for (role, kind, object_), grants in by_object.items()
    ]


def _written(grants: Iterable[Grant]) -> list[str]:
    columns: dict[str, list[str]] = defaultdict(list)
    for grant in grants:
        columns[grant.privilege].append(grant.column)
    written = [p for p, names in columns.items() if "" in names]
    for privilege, names in columns.items():
        if named := [f'"{name}"' for name in names if name]:
            written.append(f"{privilege} ({', '.join(named)})")
    return written


def _quoted(role: str) -> str:
    return role if role == PUBLIC else '"' + role.replace('"', '""') + '"'
