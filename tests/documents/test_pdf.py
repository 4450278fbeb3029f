"""Documents as pages: every word of them, in every script, over as many pages as it takes."""

from io import BytesIO

from pypdf import PdfReader

from core.documents.document import (
    Box,
    Boxes,
    Column,
    Document,
    Facts,
    Grid,
    Note,
    Section,
)
from core.documents.pdf import render
from core.documents.press import Press

COLUMNS = (
    Column(title="No."),
    Column(title="Due", width=2),
    Column(title="Instalment", width=2, numeric=True),
)


def document(name: str = "Ada Lovelace", rows: int = 3) -> Document:
    table = Grid(
        columns=COLUMNS, rows=tuple((str(n), "2026-01-31", f"{n},000.00") for n in range(rows))
    )
    boxes = Boxes(boxes=(Box(title="APR", description="the cost", text="12.34 %"),) * 4)
    facts = Facts.of(("Borrower", name), ("Amount", "12,000.00 EUR"))
    return Document(
        title="Key Facts Statement",
        lines=("Giro Bank",),
        sections=(
            Section(heading="Part 1", blocks=(facts, boxes)),
            Section(heading="Part 2", blocks=(Note(text="A word of explanation."), table)),
        ),
    )


def pages(printed: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(printed)).pages]


def test_a_document_is_printed_word_for_word() -> None:
    (text,) = pages(render(document()))

    for words in ("Key Facts Statement", "Giro Bank", "Ada Lovelace", "12.34 %", "2,000.00"):
        assert words in text
    assert "A word of explanation." in text
    assert "Page 1 of 1" in text


def test_a_long_schedule_has_its_headings_on_every_page() -> None:
    found = pages(render(document(rows=360)))

    assert len(found) > 5
    assert all("Instalment" in text for text in found)
    assert f"Page {len(found)} of {len(found)}" in found[-1]
    assert "359,000.00" in found[-1]


def test_names_are_spelled_in_their_own_letters() -> None:
    names = ["Łukasz Żółć", "Иван Ελένη", "王小明", "김민수", "สมชาย", "田中はなこ", "₹ ₺ €"]

    (text,) = pages(render(document(" / ".join(names))))

    for name in names:
        assert name in text


def test_letters_are_joined_where_a_script_wants_it() -> None:
    (text,) = pages(render(document("प्रियंका")))

    assert "प्र" in text


async def test_the_press_prints_in_a_process_of_its_own() -> None:
    press = Press()
    try:
        printed = await press.print(document(), "somebody")
    finally:
        press.close()

    assert printed.startswith(b"%PDF-")
