"""One word, one meaning: the glossary holds, and no class of the bank shares its name."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
# A word, what it is, where it is at home, whose word it is.
ROW = re.compile(r"^\| (.+?) \| (.+?) \| `([\w/.]+)(?:: (\w+))?` \| ?(.*?) ?\|$")


def rows() -> list[tuple[str, ...]]:
    lines = [line for line in GLOSSARY.read_text().splitlines() if line.startswith("| ")]
    words = [line for line in lines if not line.startswith("| word |")]
    found = [ROW.match(line) for line in words]
    assert all(found), [line for line, row in zip(words, found, strict=True) if row is None]
    return [row.groups() for row in found if row is not None]


def named_in(path: Path) -> Iterator[str]:
    """What a module names at its top: classes, functions, values."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_every_word_of_the_glossary_is_at_home_where_it_says() -> None:
    for word, _, path, name, _ in rows():
        assert (ROOT / path).exists(), word
        assert name is None or name in named_in(ROOT / path), f"{word}: {path} names no {name}"


def test_no_word_is_explained_twice_and_each_table_is_in_order() -> None:
    seen: set[str] = set()
    for table in GLOSSARY.read_text().split("\n## ")[1:]:
        words = re.findall(r"^\| (?!word )(?!-)([^|]+?) \|", table, re.MULTILINE)
        assert words == sorted(words, key=str.lower)
        assert not seen & set(words)
        seen |= set(words)


def test_no_two_classes_of_the_bank_share_a_name() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted([*ROOT.glob("core/**/*.py"), *ROOT.glob("worker/**/*.py")]):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
