"""Which signing keys are worth nothing: short, published, or typed instead of made.

A key that somebody could guess signs tokens for anybody. Every key that ``openssl rand`` makes
passes; what a keyboard, a tutorial or a counter makes does not.
"""

import zlib
from typing import Final

MIN_SECRET_BYTES: Final = 32
MIN_DIFFERENT_CHARACTERS: Final = 8
# Secrets that were published in a document, an example or a tutorial sign nothing worth trusting.
PLACEHOLDER_WORDS: Final = (
    "secret", "change", "your-", "your_", "example", "placeholder", "password", "replace", "insert",
    "default", "development", "deadbeef", "letmein", "supersafe",
)  # fmt: skip
# Published as it stands, though a machine made it: FastAPI's tutorial on JWT tokens signs with it.
PUBLISHED: Final = ("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",)
# What follows what, when one counts or slides along the keys; each also backwards and around.
ROWS: Final = (
    "0123456789abcdef", "0123456789", "1234567890", "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)  # fmt: skip
MIN_RUN: Final = 4
# Of a key of 32 bytes or more; a random one of hexadecimal digits keeps more than 30.
MIN_COMPRESSED_BYTES: Final = 24
_EMPTY_BYTES: Final = len(zlib.compress(b"", 9))


def is_weak_secret(secret: str) -> bool:
    """Whether a signing key is too short, published, words alone, a sequence, or repeats itself."""
    lowered = secret.lower()
    return (
        len(secret.encode()) < MIN_SECRET_BYTES
        or len(set(secret)) < MIN_DIFFERENT_CHARACTERS
        or any(word in lowered for word in (*PLACEHOLDER_WORDS, *PUBLISHED))
        # Words alone: of what a machine makes every second character is a digit or a capital.
        or (secret == lowered and not any(char.isdigit() for char in secret))
        or 2 * max(_in_runs(lowered), _in_runs(lowered[::2]) + _in_runs(lowered[1::2]))
        >= len(lowered)
        or len(zlib.compress(lowered.encode(), 9)) - _EMPTY_BYTES < MIN_COMPRESSED_BYTES
    )


def _in_runs(text: str) -> int:
    """How many characters belong to runs of at least MIN_RUN along one of ROWS."""
    found = 0
    begin = 0
    while begin < len(text):
        length = max(_run(text, begin, row) for row in _ROUND)
        found += length if length >= MIN_RUN else 0
        begin += length if length >= MIN_RUN else 1
    return found


def _run(text: str, begin: int, row: str) -> int:
    at = row.find(text[begin])
    if at < 0:
        return 0
    length = 1
    while begin + length < len(text) and text[begin + length] == row[(at + length) % len(row)]:
        length += 1
    return length


_ROUND: Final = ROWS + tuple(row[::-1] for row in ROWS)
