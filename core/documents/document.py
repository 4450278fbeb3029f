"""A document as a value: its words and figures in their order, nothing of how they look.

What a document says is decided once, where it is made. The same value is answered as JSON, printed
as PDF, and kept word for word where the bank must be able to show what it told a customer.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Fact(_Value):
    """One thing that is told, and what it is called."""

    label: str
    text: str


class Facts(_Value):
    """Things that are told one below the other."""

    kind: Literal["facts"] = "facts"
    facts: tuple[Fact, ...]

    @classmethod
    def of(cls, *facts: tuple[str, str]) -> "Facts":
        """The facts of these labels and texts."""
        return cls(facts=tuple(Fact(label=label, text=text) for label, text in facts))


class Column(_Value):
    """A column of a table; ``width`` is its share of the page beside the others'."""

    title: str
    width: int = 1
    numeric: bool = False


class Grid(_Value):
    """Rows of as many texts as there are columns; the headings stand on every page."""

    kind: Literal["table"] = "table"
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


class Box(_Value):
    """A figure that must strike the eye, with what it means."""

    title: str
    description: str
    text: str


class Boxes(_Value):
    """Figures side by side, each in a box."""

    kind: Literal["boxes"] = "boxes"
    boxes: tuple[Box, ...]


class Note(_Value):
    """A paragraph."""

    kind: Literal["note"] = "note"
    text: str


Block = Annotated[Facts | Grid | Boxes | Note, Field(discriminator="kind")]


class Section(_Value):
    """A part of a document under its heading."""

    heading: str
    blocks: tuple[Block, ...]


class Document(_Value):
    """A document: the title, the lines below it, the sections."""

    title: str
    lines: tuple[str, ...]
    sections: tuple[Section, ...]
