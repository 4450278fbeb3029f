"""A document printed as PDF: A4, as many pages as it needs, each with its number."""

from collections.abc import Iterator
from typing import Final

from fpdf import FPDF, XPos, YPos
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from core.documents import fonts
from core.documents.document import Block, Boxes, Document, Facts, Grid, Note

MARGIN_MM: Final = 18
FOOT_MM: Final = 18
LINE_MM: Final = 4.6
TITLE, HEADING, BODY, SMALL = 17, 11.5, 9, 7.5
INK, GREY, SHADE = (25, 28, 33), (110, 116, 125), (243, 245, 247)
_BOLD: Final = FontFace(emphasis="BOLD", fill_color=SHADE)
_LABEL: Final = FontFace(color=GREY)


def render(document: Document) -> bytes:
    """The document as the bytes of a PDF file."""
    pages = _Pages(document)
    pages.print_all()
    return bytes(pages.output())


class _Pages(FPDF):
    """The document while it is laid out."""

    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self._document = document
        self.set_title(document.title)
        self.set_lang("en")
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=FOOT_MM + LINE_MM)
        self.set_draw_color(208, 212, 218)
        fonts.install(self, _texts(document))

    def footer(self) -> None:
        """The title and the page's number, at the foot of each page."""
        self.set_y(-FOOT_MM)
        self._write_with(SMALL, GREY)
        self.cell(0, LINE_MM, self._document.title)
        self.set_x(self.l_margin)
        self.cell(0, LINE_MM, f"Page {self.page_no()} of {{nb}}", align="R")

    def print_all(self) -> None:
        """Everything, from the title on."""
        self.add_page()
        self._write_with(TITLE, style="B")
        self._paragraph(self._document.title, 8)
        self._write_with(BODY, GREY)
        for line in self._document.lines:
            self._paragraph(line, LINE_MM)
        for section in self._document.sections:
            self._heading(section.heading)
            for block in section.blocks:
                self._block(block)
                self.ln(2)

    def _heading(self, text: str) -> None:
        # A heading alone at the foot of a page would lead nowhere.
        if self.will_page_break(24):
            self.add_page()
        self.ln(4)
        self._write_with(HEADING, style="B")
        self._paragraph(text, 6)
        self.ln(1)

    def _block(self, block: Block) -> None:
        self._write_with(BODY)
        match block:
            case Facts():
                self._facts(block)
            case Grid():
                self._table(block)
            case Boxes():
                self._boxes(block)
            case Note():
                self._paragraph(block.text, LINE_MM)

    def _facts(self, block: Facts) -> None:
        with self.table(
            col_widths=(2, 3),
            text_align=("LEFT", "LEFT"),
            first_row_as_headings=False,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=LINE_MM,
            padding=(0.8, 1),
        ) as table:
            for fact in block.facts:
                row = table.row()
                row.cell(fact.label, style=_LABEL)
                row.cell(fact.text)

    def _table(self, block: Grid) -> None:
        self._write_with(SMALL)
        with self.table(
            col_widths=tuple(column.width for column in block.columns),
            text_align=tuple("RIGHT" if column.numeric else "LEFT" for column in block.columns),
            headings_style=_BOLD,
            repeat_headings=1,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=LINE_MM,
            padding=(0.4, 1),
        ) as table:
            table.row([column.title for column in block.columns])
            for texts in block.rows:
                table.row(texts)

    def _boxes(self, block: Boxes) -> None:
        """One row of boxes: what it is, what that means, how much."""
        with self.table(
            text_align="CENTER",
            first_row_as_headings=False,
            borders_layout=TableBordersLayout.ALL,
            line_height=LINE_MM,
            padding=1.5,
        ) as table:
            for texts, style in (
                ([box.title for box in block.boxes], _BOLD),
                ([box.description for box in block.boxes], _LABEL),
                ([box.text for box in block.boxes], FontFace(emphasis="BOLD", size_pt=HEADING)),
            ):
                table.row(texts, style=style)

    def _paragraph(self, text: str, height: float) -> None:
        self.multi_cell(0, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _write_with(
        self, size: float, color: tuple[int, int, int] = INK, *, style: str = ""
    ) -> None:
        self.set_font(fonts.TEXT, style, size)
        self.set_text_color(*color)


def _texts(document: Document) -> Iterator[str]:
    """Every text of the document."""
    yield from (document.title, *document.lines)
    for section in document.sections:
        yield section.heading
        for block in section.blocks:
            match block:
                case Facts():
                    for fact in block.facts:
                        yield from (fact.label, fact.text)
                case Grid():
                    yield from (column.title for column in block.columns)
                    for row in block.rows:
                        yield from row
                case Boxes():
                    for box in block.boxes:
                        yield from (box.title, box.description, box.text)
                case Note():
                    yield block.text
