"""Passwords that are among the first that anybody tries.

The lists are zxcvbn's (Wheeler, "zxcvbn: Low-Budget Password Strength Estimation", USENIX Security
2016): the 30,000 most common leaked passwords, and the most common words and names. NIST SP
800-63B, 5.1.1.2 asks to compare with such lists and with the user's own context, and not to demand
mixtures of characters; so no score is asked for here.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from zxcvbn.frequency_lists import FREQUENCY_LISTS

# Of this bank, whoever the customer is.
OWN_WORDS: Final = ("giro", "bank")
MIN_WORD: Final = 3
# What must be left of a password without the words that strangers know of its owner.
MIN_LEFT: Final = 5
# Which letter a sign is written for; some stand for two.
_SIGNS: Final = tuple(
    str.maketrans("013457@$+!8", f"o{one}easta{'s'}t{one}b") for one in ("i", "l")
)
_PARTS: Final = re.compile(r"[\W\d_]+")


@lru_cache(maxsize=1)
def common_passwords(min_characters: int) -> frozenset[str]:
    """The lists' entries that are long enough to be a password at all; read on first use."""
    return frozenset(
        word for words in FREQUENCY_LISTS.values() for word in words if len(word) >= min_characters
    )


def is_common(password: str, min_characters: int) -> bool:
    """Whether ``password`` is on the lists, whatever its case and with signs for letters, or is one
    short piece again and again."""
    lowered = password.casefold()
    known = common_passwords(min_characters)
    return any(text in known or _repeats(text) for text in _readings(lowered))


def is_made_of(password: str, about: Iterable[str | None]) -> bool:
    """Whether little is left of ``password`` without what ``about`` tells: e-mail, names."""
    told = {text.casefold() for text in about if text}
    words = {part for text in told for part in (*_PARTS.split(text), *re.split(r"\W+", text))}
    words |= {text.partition("@")[0] for text in told} | told | set(OWN_WORDS)
    for reading in _readings(password.casefold()):
        left = reading
        for word in sorted(words, key=len, reverse=True):
            if len(word) >= MIN_WORD:
                left = left.replace(word, "")
        if left != reading and sum(char.isalnum() for char in left) < MIN_LEFT:
            return True
    return False


def _readings(lowered: str) -> set[str]:
    return {lowered, *(lowered.translate(signs) for signs in _SIGNS)}


def _repeats(text: str) -> bool:
    """Whether ``text`` is one piece of at most four characters, repeated."""
    return 0 < (text + text).find(text, 1) <= min(4, len(text) // 2)
