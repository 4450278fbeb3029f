"""What a module does with the tables of the ORM: classes it queries, rows it changes or copies in.

A row may travel as a value, so a class in an annotation is no touch; to query it, to make one, and
to assign to a column of one is.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from tests.architecture.source import Module, is_module, module
from tests.architecture.sql import Way

_WRITERS: Final = {"insert", "update", "delete"}
_COPIES: Final = {"copy_records_to_table", "copy_to_table"}
_FUNCTION: Final = ast.FunctionDef | ast.AsyncFunctionDef

Classes = Mapping[str, str]
"""The table of each ``module.Class`` by its full name, where it is declared."""


def touches(home: Module, classes: Classes) -> Iterator[tuple[int, str, Way]]:
    """Each use of a mapped class or a ``Table``: the line, the table, and what is done there."""
    written = _written(home.tree)
    annotations = _annotations(home.tree)
    for node in ast.walk(home.tree):
        name = _full_name(home, node)
        if (
            name is not None
            and name in classes
            and id(node) not in annotations
            and isinstance(node, ast.expr)
        ):
            yield node.lineno, classes[name], Way.WRITES if id(node) in written else Way.READS
        elif isinstance(node, _FUNCTION):
            for line, table in _assigned(home, node, classes):
                yield line, table, Way.WRITES
    for line, target in _copied(home.tree):
        if isinstance(target, ast.Constant):
            yield line, str(target.value), Way.WRITES


def untold(home: Module) -> Iterator[tuple[int, str]]:
    """Where a module copies into what is no constant: the line, and what stands there."""
    for line, target in _copied(home.tree):
        if not isinstance(target, ast.Constant):
            yield line, "COPY, no constant" if target is None else ast.unparse(target)


def _copied(tree: ast.Module) -> Iterator[tuple[int, ast.expr | None]]:
    """The targets of every COPY, by position or by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = [k.value for k in node.keywords if k.arg == "table_name"]
            if node.func.attr in _COPIES:
                yield node.lineno, next(iter([*node.args[:1], *named]), None)


def _full_name(home: Module, node: ast.AST | None) -> str | None:
    """The full name, where it is declared, of what is named here."""
    match node:
        case ast.Name(id=name):
            source, inner = home.imports.get(name, (home.name, name))
            return None if inner is None else f"{source}.{inner}"
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in home.imports:
            source, inner = home.imports[owner]
            return f"{source}.{name}" if inner is None else None
        case _:
            return None


def _written(tree: ast.Module) -> set[int]:
    """The classes that are made, or given to insert, update or delete."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found.add(id(node.func))
            if isinstance(node.func, ast.Name) and node.func.id in _WRITERS:
                found |= {id(argument) for argument in node.args}
    return found


def _annotations(tree: ast.Module) -> set[int]:
    """Every node inside an annotation, or inside a subscript such as ``list[User]``."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTION):
            roots.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            roots.append(node.annotation)
        elif isinstance(node, ast.Subscript):
            roots.append(node.slice)
    return {id(inner) for root in roots if root is not None for inner in ast.walk(root)}


def _assigned(
    home: Module, function: ast.FunctionDef | ast.AsyncFunctionDef, classes: Classes
) -> Iterator[tuple[int, str]]:
    """Where a function assigns to an attribute of a row: the line and the row's table.

    What a name stands for is told by the parameter's annotation, or by that of the function of
    ours whose answer it is.
    """
    rows: dict[str, str] = {}
    arguments = function.args
    for arg in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        rows |= _row(arg.arg, home, arg.annotation, classes)
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            rows |= _row(node.targets[0].id, *_answer(home, node.value), classes)
        elif isinstance(node, ast.For | ast.AsyncFor) and isinstance(node.target, ast.Name):
            rows |= _row(node.target.id, *_answer(home, node.iter), classes)
    for node in ast.walk(function):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        match target:
            case ast.Attribute(value=ast.Name(id=name)) if name in rows:
                yield target.lineno, rows[name]


def _answer(home: Module, value: ast.expr) -> tuple[Module, ast.expr | None]:
    """The annotation of what a function of ours answers that is called here, and its module."""
    call = value.value if isinstance(value, ast.Await) else value
    name = _full_name(home, call.func) if isinstance(call, ast.Call) else None
    source, _, inner = (name or "").rpartition(".")
    if source and is_module(source):
        for node in module(source).tree.body:
            if isinstance(node, _FUNCTION) and node.name == inner:
                return module(source), node.returns
    return home, None


def _row(name: str, home: Module, annotation: ast.expr | None, classes: Classes) -> dict[str, str]:
    named = ast.walk(annotation) if annotation is not None else ()
    names = [_full_name(home, node) for node in named]
    tables = [classes[full] for full in names if full is not None and full in classes]
    return {name: tables[0]} if tables else {}
