"""What the documents name is there: files, commands, targets, settings, metrics, links."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from core.foundation import metrics
from core.foundation.config import Settings
from core.privileges import RUNTIME_ROLES
from ops.cli import COMMANDS
from ops.embedded.postgres import OWNER

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Files that the documents speak of and that only a running or built system has.
MADE = {".cache", ".env", ".giro", ".venv", "bench-results"}
names = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def quoted(document: Path) -> list[str]:
    """What stands in backticks, code blocks left out."""
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
    return re.findall(r"`([^`\n]+)`", text)


@names
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        assert target.startswith("https://") or (document.parent / target).exists(), target


@names
def test_files_and_folders_exist(document):
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    for word in quoted(document):
        first = word.split("/")[0]
        if "/" in word and first in folders and first not in MADE and " " not in word:
            assert list(ROOT.glob(re.sub(r"\{[^}]*\}", "*", word).rstrip("/"))), word


@names
def test_commands_and_targets_exist(document):
    text = document.read_text()
    for command in re.findall(r"(?:`|bin/)giro ([a-z-]+)", text):
        assert command in COMMANDS, command
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    for target in re.findall(r"(?:`|^)make ([a-z]+)", text, re.M):
        assert target in targets, target


@names
def test_settings_and_metrics_exist(document):
    example = re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M)
    known = {name.upper() for name in Settings.model_fields} | set(example)
    # What `giro status` shows, and what ops/roles.sql is told.
    known |= {"OWNER_DATABASE_URL"}
    known |= set(re.findall(r"(GIRO_[A-Z_]+)$", (ROOT / "ops" / "roles.sql").read_text(), re.M))
    roles = {*RUNTIME_ROLES, OWNER}
    exported = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    exported |= {family.name for family in REGISTRY.collect()}
    assert metrics.submitted._name in exported
    for word in quoted(document):
        if re.fullmatch(r"[A-Z]+(_[A-Z]+)+(=.*)?", word):
            assert word.partition("=")[0] in known, word
        if re.fullmatch(r"giro_[a-z_]+", word) and word not in roles:
            assert word in exported or word.removesuffix("_total") in exported, word


def test_files_named_in_the_way_of_a_transfer_hold_what_is_named_with_them():
    """`core/x.py`: `Jobs.ring` means that the class or function stands in that file."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    pairs = re.findall(r"`([a-z_/]+\.py)`: ((?:`[A-Za-z_.]+`(?:, )?)+)", text)
    assert len(pairs) > 8
    for file, things in pairs:
        path = ROOT / file if "/" in file else ROOT / "core" / "transactions" / file
        source = path.read_text()
        for thing in re.findall(r"`([A-Za-z_.]+)`", things):
            last = thing.rpartition(".")[2]
            assert re.search(rf"(class|def) {last}\b", source), f"{thing} in {file}"


def test_every_decision_is_listed_and_every_command_described():
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    for page in (ROOT / "docs" / "decisions").glob("0*.md"):
        title = page.read_text().splitlines()[0].partition(": ")[2]
        assert f"[{page.name[:4]}]({page.name}) | {title} |" in index, page.name
    readme = (ROOT / "README.md").read_text()
    for command in COMMANDS:
        assert f"| `giro {command}" in readme, command
