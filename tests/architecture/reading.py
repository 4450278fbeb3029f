"""What goes through a Reader, and whether it only reads.

A Reader is a parameter of that type, or what ``read()`` and ``snapshot()`` open; by the statement
of a ``Trace`` a commit is looked for through one. ``Rows`` is its like for the ORM: in a function
that takes it no statement locks or writes.
"""

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.architecture import sql
from tests.architecture.source import Function, Module, StringReader, UnreadableError, functions
from tests.architecture.sql import Way

_TYPES: Final = {"Reader", "Reading"}
_DOORS: Final = {"read", "snapshot"}
_ASKS: Final = {"fetch", "fetchrow", "fetchval"}
_LOCKS_OR_WRITES: Final = {"with_for_update", "insert", "update", "delete"}
# Functions of PostgreSQL that a SELECT may call and a replica refuses, or that lock.
_WITH_EFFECT: Final = re.compile(
    r"\b(nextval|setval|set_config|pg_notify|pg_current_xact_id|pg_(try_)?advisory\w*)\s*\("
)


def faults(home: Module) -> Iterator[tuple[int, str]]:
    """Lines of a module at which something else than reading goes, or may go, through a Reader."""
    for function, strings in functions(home):
        readers = _readers(function)
        called = {id(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
        for node in ast.walk(function):
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr=ask) if name in readers:
                    if ask in _ASKS and id(node) not in called:
                        yield node.lineno, f"{ast.unparse(node)} under another name"
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            if _is_of_rows(call.func, readers):
                for name in _LOCKS_OR_WRITES & _named_in(call.args, strings):
                    yield call.lineno, f"{ast.unparse(call.func)} is given {name}"
            match call.func:
                case ast.Attribute(value=ast.Name(id=name), attr=ask) if name in readers:
                    if ask in _ASKS and not _only_reads(strings, call.args[0]):
                        yield call.lineno, ast.unparse(call.args[0])
                case ast.Name(id="Trace") if not _only_reads(strings, call.args[-1]):
                    yield call.lineno, ast.unparse(call.args[-1])
        if _takes(function, {"Rows"}):
            for name in _LOCKS_OR_WRITES & _called(function):
                yield function.lineno, f"{function.name} takes Rows and calls {name}"


def count(home: Module) -> int:
    """How many statements of a module go through a Reader."""
    asked = 0
    for function, _ in functions(home):
        readers = _readers(function)
        for node in ast.walk(function):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=ask)):
                    asked += name in readers and ask in _ASKS
    return asked


def _only_reads(strings: StringReader, query: ast.expr) -> bool:
    try:
        statements = strings.variants(query)
        return all(
            _WITH_EFFECT.search(statement) is None
            and all(way is Way.READS for _, way in sql.touches(statement))
            for statement in statements
        )
    except (UnreadableError, sql.NoSqlError):
        return False


def _readers(function: Function) -> set[str]:
    """The names by which a function knows a Reader."""
    found = set(_takes(function, _TYPES))
    for node in ast.walk(function):
        if isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            match node.context_expr:
                case ast.Call(func=ast.Attribute(attr=door)) if door in _DOORS:
                    found.add(node.optional_vars.id)
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Call(func=ast.Attribute(attr="reading"))
            ):
                found.add(name)
    return found


def _is_of_rows(asked: ast.expr, readers: set[str]) -> bool:
    """Whether this is a method of a reader's ``rows``."""
    match asked:
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=name), attr="rows")):
            return name in readers
        case _:
            return False


def _named_in(nodes: list[ast.expr], strings: StringReader) -> set[str]:
    """What is called in some expressions, and in what their local names stand for."""
    found, left, seen = set[str](), list(nodes), set[str]()
    while left:
        node = left.pop()
        found |= _called(node)
        names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} - seen
        seen |= names
        left += [value for name in names for value in strings.local.get(name, [])]
    return found


def _takes(function: Function, types: set[str]) -> list[str]:
    arguments = function.args
    return [
        argument.arg
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        if isinstance(argument.annotation, ast.Name) and argument.annotation.id in types
    ]


def _called(within: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(within):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                names.add(name)
    return names
