"""The fonts of printed documents: one for the text, others for names that it cannot spell.

Source Sans 3 has Latin, Greek and Cyrillic; the Kurinto fonts have nearly every script, Chinese,
Japanese and Korean each in a file of its own. A file is opened only for a text that needs it.
"""

from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from fpdf import FPDF
from fpdf.fonts import TTFFont

TEXT: Final = "text"
# In the order in which they are asked.
_FALLBACKS: Final = (
    "KurintoSans",
    "KurintoSansSC",
    "KurintoSansJP",
    "KurintoSansKR",
    "KurintoSansTC",
)


def install(pdf: FPDF, texts: Iterable[str]) -> None:
    """Give ``pdf`` the fonts that ``texts`` need.

    A text beyond the first font is shaped as well: Devanagari joins its letters, Arabic and Hebrew
    run from right to left.
    """
    folder = files("weblate_fonts") / "static" / "weblate_fonts"
    for style, name in (("", "Regular"), ("B", "Bold")):
        path = folder / "source-sans" / "ttf" / f"SourceSans3-{name}.ttf"
        pdf.add_font(TEXT, style, str(path))
    missing = set().union(*map(set, texts)) - _spelled(pdf, TEXT)
    found = []
    for name in _FALLBACKS:
        if not missing:
            break
        pdf.add_font(name, "", str(folder / "kurinto" / "ttf" / f"{name}-Rg.ttf"))
        covered = missing & _spelled(pdf, name)
        if covered:
            found.append(name)
            missing -= covered
    if found:
        pdf.set_fallback_fonts(found, exact_match=False)
        pdf.set_text_shaping(True)


def _spelled(pdf: FPDF, family: str) -> set[str]:
    """The characters that a font of ``pdf`` has, white space always among them."""
    font = pdf.fonts[family.lower()]
    if not isinstance(font, TTFFont):
        raise TypeError(f"{family} is no font of ours")
    return {chr(code) for code in font.cmap} | set(" \n")
