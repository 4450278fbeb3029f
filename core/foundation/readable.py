"""Text that people read shows what it holds: nothing invisible, nothing that turns it around.

A control character can hide in a name, a bidirectional one can make "gpj.exe" look like "exe.jpg"
and one payee like another (Unicode TR 36, "Bidirectional Text Spoofing"). What scripts need stays:
spaces of every width, and the joiners of Persian, the Indic scripts and emoji.
"""

import unicodedata
from typing import Final

# Controls; formats (bidirectional marks, zero widths, tags); halves of pairs; private use and
# unassigned, which look like anything; separators of lines and paragraphs.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")


def is_readable(text: str, *, lines: bool = False) -> bool:
    """Whether every character of ``text`` shows; with ``lines``, it may have several."""
    if text.isprintable():  # the usual case, in one step
        return True
    return all(
        unicodedata.category(char) not in _UNSEEN or char in _JOINERS or (lines and char == "\n")
        for char in text
    )
