"""Who touches what: every statement and every use of the ORM, held against the tables' owners."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from core.tables import FEATURES, OWNERS, PUBLISHED, declared_by
from tests.architecture import orm, sql
from tests.architecture.source import Module, Text, frames, modules, texts
from tests.architecture.sql import Way

# Whoever checks or reports on the whole bank reads all of it.
EXEMPT: Final = ("verification", "reporting")
WORDS_OF_GRANT: Final = "core.privileges.matrix"  # begin as statements do, and are none

CLASSES: Final = {
    f"{tables.__name__}.{name}": table.name
    for tables in FEATURES.values()
    for name, table in declared_by(tables).items()
}


@dataclass(frozen=True, slots=True, order=True)
class Touch:
    """A place where a module does something with a table."""

    module: str
    line: int
    table: str
    way: Way

    @property
    def feature(self) -> str:
        """The feature that the module belongs to; the edges are features of their own."""
        return feature_of(self.module)

    @property
    def leaks(self) -> bool:
        """Whether the table belongs to another feature. The catalog is PostgreSQL's own."""
        if self.table.startswith("pg_") or self.feature in EXEMPT:
            return False
        if self.table in PUBLISHED:
            return self.way is not Way.READS
        return OWNERS.get(self.table) != self.feature

    def __str__(self) -> str:
        owner = ({**OWNERS, **PUBLISHED}).get(self.table, "nobody")
        return f"{self.module}:{self.line} {self.way} {self.table}, a table of {owner}"


def feature_of(module: str) -> str:
    """The feature of a module: the package inside ``core``, or the package at the top."""
    top, *rest = module.split(".")
    return rest[0] if top == "core" and rest else top


@dataclass(frozen=True, slots=True)
class Reading:
    """What the strings of some modules are, once all of them were read."""

    statements: list[Text]
    unread: list[Text]


def read(homes: Sequence[Module]) -> Reading:
    """The statements of some modules, and what may be one and cannot be told.

    The parts of a statement count where they are put together, in the module that does it. A
    string that names a table as SQL does, and is neither a statement nor part of one, is unread; so
    are a statement that ``%`` fills and a COPY into what is no constant.
    """
    pairs = [texts(home) for home in homes]
    told = [text for known, _ in pairs for text in known]
    untold = [text for _, unknown in pairs for text in unknown]
    tables = frozenset({**OWNERS, **PUBLISHED})
    statements = [text for text in told if _is_to_be_read(text)]
    loose = [t for t in told if not (t.is_part or sql.begins_as_statement(t.text))]
    unread = [t for t in loose + untold if sql.mentions(t.text, tables)]
    unread += [text for home in homes for text in frames(home) if sql.is_a_frame(text.text)]
    unread += [Text(home, line, target) for home in homes for line, target in orm.untold(home)]
    return Reading(statements, unread)


def _is_to_be_read(text: Text) -> bool:
    if text.is_part:
        return sql.begins_as_statement(text.text) and sql.is_statement(text.text)
    return sql.begins_as_statement(text.text) and text.home.name != WORDS_OF_GRANT


def touches(homes: Sequence[Module]) -> Iterator[Touch]:
    """Every touch of these modules, their own feature's tables included."""
    for text in read(homes).statements:
        for table, way in sql.touches(text.text):
            if table in OWNERS or not text.is_part:  # what a part names the whole may define
                yield Touch(text.home.name, text.line, table, way)
    for home in homes:
        for line, table, way in orm.touches(home, CLASSES):
            yield Touch(home.name, line, table, way)


def leaks(homes: Sequence[Module]) -> list[Touch]:
    """Every touch of another feature's table, in order."""
    return sorted({touch for touch in touches(homes) if touch.leaks})


@cache
def all_modules() -> list[Module]:
    """The bank's own code."""
    return modules("core", "api", "worker")
