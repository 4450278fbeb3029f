"""The source as text: modules, and what each of their strings says once it is put together.

A string is put together as Python would: from literals, f-strings, ``+``, ``.format``,
``.replace``, ``.join`` and constants of this or another module. Where it depends on a condition
there are several; what only a running program knows cannot be told, and is refused where it is SQL.
"""

import ast
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import islice, product
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_VARIANTS = 64

Function = ast.FunctionDef | ast.AsyncFunctionDef


class UnreadableError(Exception):
    """What a string says is known only to the running program."""


@dataclass(eq=False)
class Module:
    """One module: its syntax tree, and its constants by name."""

    name: str
    tree: ast.Module
    parts: set[str] = field(default_factory=set)  # constants that others are put together from

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        """What is assigned to a name at the top of the module, or of a class as ``Class.name``."""
        found = dict(_assigned(self.tree.body))
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef):
                found |= {f"{node.name}.{name}": value for name, value in _assigned(node.body)}
        return found

    @cached_property
    def imports(self) -> dict[str, tuple[str, str | None]]:
        """Where a name comes from: a module, and the name there; None for the module itself."""
        found: dict[str, tuple[str, str | None]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {a.asname or a.name: (a.name, None) for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    source = (inner, None) if is_module(inner) else (node.module, alias.name)
                    found[alias.asname or alias.name] = source
        return found


@dataclass(frozen=True, slots=True)
class Text:
    """What a string of a module says; ``name`` is that of the constant which it is."""

    home: Module
    line: int
    text: str
    name: str | None = None

    @property
    def is_part(self) -> bool:
        """Whether other strings are put together from it; ask when all modules have been read."""
        return self.name in self.home.parts

    def __str__(self) -> str:
        return f"{self.home.name}:{self.line} {self.text}"


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value


def _path(name: str) -> Path | None:
    place = ROOT.joinpath(*name.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@cache
def is_module(name: str) -> bool:
    """Whether this is a module of ours."""
    return _path(name) is not None


@cache
def module(name: str) -> Module:
    """The module of that name; KeyError where it is none of ours."""
    path = _path(name)
    if path is None:
        raise KeyError(name)
    return Module(name, ast.parse(path.read_text()))


def modules(*packages: str) -> list[Module]:
    """Every module of these packages, in order."""
    paths = sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    return [module(name.removesuffix(".__init__")) for name in names]


@dataclass
class StringReader:
    """Puts the strings of one function, or of a module's top, together."""

    module: Module
    local: dict[str, list[ast.expr]]

    def variants(self, node: ast.expr) -> list[str]:
        """Everything that this expression may say. Raises UnreadableError."""
        found = list(dict.fromkeys(islice(self._variants(node), MAX_VARIANTS + 1)))
        if len(found) > MAX_VARIANTS:
            raise UnreadableError(ast.unparse(node))
        return found

    def _variants(self, node: ast.expr) -> Iterator[str]:
        match node:
            case ast.Constant(value=str() | int() as value):
                yield str(value)
            case ast.Name(id=name) if name in self.local:
                for value in self.local[name]:
                    yield from self._variants(value)
            case ast.Name(id=name):
                yield from _constant(self.module, name)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                yield from self._attribute(owner, name)
            case ast.JoinedStr(values=values):
                yield from self._joined(values)
            case ast.FormattedValue(value=value, format_spec=None):
                yield from self._variants(value)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from self._joined([left, right])
            case ast.IfExp(body=body, orelse=orelse):
                yield from self._variants(body)
                yield from self._variants(orelse)
            case ast.Call(func=ast.Attribute(value=subject, attr=method)):
                yield from self._called(node, subject, method)
            case _:
                raise UnreadableError(ast.unparse(node))

    def _joined(self, nodes: list[ast.expr]) -> Iterator[str]:
        yield from map("".join, product(*(self.variants(node) for node in nodes)))

    def _attribute(self, owner: str, name: str) -> Iterator[str]:
        source, inner = self.module.imports.get(owner, (self.module.name, owner))
        if not is_module(source):
            raise UnreadableError(f"{owner}.{name}")
        yield from _constant(module(source), name if inner is None else f"{inner}.{name}")

    def _called(self, node: ast.Call, subject: ast.expr, method: str) -> Iterator[str]:
        if method == "join" and len(node.args) == 1 and isinstance(node.args[0], ast.Tuple):
            between = self.variants(subject)
            parts = product(*(self.variants(part) for part in node.args[0].elts))
            yield from (glue.join(some) for glue, some in product(between, parts))
        elif method in {"format", "replace"}:
            names = [keyword.arg for keyword in node.keywords]
            given = [self.variants(keyword.value) for keyword in node.keywords]
            placed = [self.variants(value) for value in node.args]
            for template, *rest in product(self.variants(subject), *placed, *given):
                values, named = rest[: len(placed)], rest[len(placed) :]
                keywords = {n: v for n, v in zip(names, named, strict=True) if n is not None}
                yield getattr(template, method)(*values, **keywords)
        else:
            raise UnreadableError(ast.unparse(node))


def _constant(home: Module, name: str) -> Iterator[str]:
    if name in home.constants:
        home.parts.add(name)
        yield from StringReader(home, {}).variants(home.constants[name])
        return
    source, inner = home.imports.get(name, (None, None))
    if source is None or inner is None or not is_module(source):
        raise UnreadableError(name)
    yield from _constant(module(source), inner)


Found = tuple[str | None, StringReader, ast.expr]
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def texts(home: Module) -> tuple[list[Text], list[Text]]:
    """What the strings of a module say, docstrings apart; and the source of those nobody can tell.

    To read a module marks the constants, its own and others', that are parts of its strings.
    """
    told: list[Text] = []
    untold: list[Text] = []
    for name, reader, node in _strings(home):
        try:
            told += [Text(home, node.lineno, text, name) for text in reader.variants(node)]
        except UnreadableError:
            untold.append(Text(home, node.lineno, ast.unparse(node)))
    return told, untold


def frames(home: Module) -> Iterator[Text]:
    """What stands before a ``%``: with what it is filled is not told."""
    tops = StringReader(home, {})
    for reader, node in [(tops, home.tree), *((r, f) for f, r in functions(home))]:
        for inner in ast.walk(node):
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mod):
                with suppress(UnreadableError):
                    for text in reader.variants(inner.left):
                        yield Text(home, inner.lineno, text)


def _strings(home: Module) -> Iterator[Found]:
    """Every outermost string expression, with the name of the constant that it is."""
    constants = {id(value): name for name, value in home.constants.items()}

    def within(
        node: ast.AST, reader: StringReader
    ) -> Iterator[tuple[str | None, StringReader, ast.expr]]:
        docstring = None
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
        if isinstance(node, Function):
            reader = StringReader(home, _locals(node))
        for child in ast.iter_child_nodes(node):
            if child is docstring:
                continue
            if isinstance(child, ast.expr) and _is_text(child):
                yield constants.get(id(child)), reader, child
            else:
                yield from within(child, reader)

    yield from within(home.tree, StringReader(home, {}))


def _locals(function: Function) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for name, value in _assigned([node]):
                found.setdefault(name, []).append(value)
    return found


def _is_text(node: ast.expr) -> bool:
    """Whether an expression is put together here from a string that is written here."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _is_text(left) or _is_text(right)
        case ast.IfExp(body=body, orelse=orelse):
            return _is_text(body) or _is_text(orelse)
        case ast.Call(func=ast.Attribute(value=subject, attr="format" | "replace" | "join")):
            return _is_text(subject) or isinstance(subject, ast.Name)
        case _:
            return False


def functions(home: Module) -> Iterator[tuple[Function, StringReader]]:
    """Every function of a module, with what puts its strings together."""
    for node in ast.walk(home.tree):
        if isinstance(node, Function):
            yield node, StringReader(home, _locals(node))
