"""What a statement does with which tables, read by a parser of PostgreSQL's SQL."""

import logging
import re
from enum import StrEnum
from functools import cache
from typing import Final

import sqlglot
from sqlglot import exp

# SQL keywords are written in capitals here; a sentence that begins with one is told from a
# statement in small letters by the parser, which takes hardly any.
_BEGINS: Final = re.compile(
    r"\s*(--[^\n]*\s*)*\(?\s*"
    r"(SELECT|WITH|INSERT INTO|UPDATE|DELETE FROM|MERGE|COPY|LOCK|TRUNCATE|TABLE|VALUES)\b"
)
_BEGINS_SMALL: Final = re.compile(_BEGINS.pattern, re.IGNORECASE)
_DOES: Final = (exp.Select, exp.Insert, exp.Update, exp.Delete)
_WANTS_A_TABLE: Final = re.compile(r"\b(FROM|JOIN|INTO|UPDATE)\s+\S*$", re.IGNORECASE)
_NAMES_A_TABLE: Final = re.compile(
    r"\b(FROM|JOIN|INTO|UPDATE|USING|TABLE|(?-i:ONLY))\s+(public\.)?(\w+)\b", re.IGNORECASE
)


# It tells of every array index that it counts from 0 in other dialects.
logging.getLogger("sqlglot").setLevel(logging.WARNING)


class Way(StrEnum):
    """What is done with a table."""

    READS = "reads"
    LOCKS = "locks"
    WRITES = "writes"


class NoSqlError(Exception):
    """What begins as a statement is none that PostgreSQL would take."""


def begins_as_statement(text: str) -> bool:
    """Whether a string is a statement, to look at it."""
    if _BEGINS.match(text) is not None:
        return True
    return _BEGINS_SMALL.match(text) is not None and any(
        isinstance(tree, _DOES) for tree in _trees(text)
    )


def is_a_frame(text: str) -> bool:
    """Whether what ``%`` fills begins as a statement, or ends where a table stands."""
    return _BEGINS_SMALL.match(text) is not None or _WANTS_A_TABLE.search(text) is not None


def mentions(text: str, tables: frozenset[str]) -> set[str]:
    """The tables that stand in a string where SQL names one, whether or not it is a statement."""
    return {name.lower() for *_, name in _NAMES_A_TABLE.findall(text)} & tables


def is_statement(text: str) -> bool:
    """Whether PostgreSQL would read a string as a statement."""
    try:
        touches(text)
    except NoSqlError:
        return False
    return True


def _trees(text: str) -> list[exp.Expr | None]:
    try:
        return list(sqlglot.parse(text, dialect="postgres"))
    except sqlglot.errors.SqlglotError:
        return []


@cache
def touches(statement: str) -> frozenset[tuple[str, Way]]:
    """Each table that a statement names, and what it does there. Raises NoSqlError."""
    try:
        trees = [tree for tree in sqlglot.parse(statement, dialect="postgres") if tree is not None]
    except sqlglot.ParseError as error:
        raise NoSqlError(str(error)) from error
    found: set[tuple[str, Way]] = set()
    for tree in trees:
        if isinstance(tree, exp.Command):
            raise NoSqlError(f"not understood: {statement}")
        found |= _touches(tree)
    return frozenset(found)


def _touches(tree: exp.Expr) -> set[tuple[str, Way]]:
    inner = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    written = {id(table) for table in _targets(tree)}
    found = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or isinstance(table.parent, exp.Lock):
            continue  # a function's rows, as of unnest; an alias, as in FOR UPDATE OF
        if id(table) in written:
            found.add((table.name, Way.WRITES))
        elif table.name not in inner:
            found.add((table.name, Way.LOCKS if _is_locked(table) else Way.READS))
    return found


def _targets(tree: exp.Expr) -> list[exp.Table]:
    """The tables that a statement, or a part of it, inserts into, updates or deletes from."""
    targets = []
    for node in tree.find_all(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Copy):
        target = node.this.this if isinstance(node.this, exp.Schema) else node.this
        if isinstance(target, exp.Table):
            targets.append(target)
    return targets


def _is_locked(table: exp.Table) -> bool:
    """Whether the SELECT around a table takes its rows' locks (``OF`` may name some of them)."""
    select = table.find_ancestor(exp.Select)
    locks = select.args.get("locks") or [] if select is not None else []
    return any(
        not lock.expressions or table.alias_or_name in {of.name for of in lock.expressions}
        for lock in locks
    )
