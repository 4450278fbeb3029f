"""`make setup` where it cannot work: said in a line, and nothing is left half made."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path):
    """What the set-up reads, in a folder of its own, and a PATH with no Python on it."""
    for name in ("ops/setup/setup.sh", "pyproject.toml", "requirements"):
        target = tmp_path / "giro" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, target)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "cat", "cksum", "dirname", "grep", "rm", "sed", "tr"):
        (programs / name).symlink_to(str(shutil.which(name)))
    return tmp_path / "giro"


def set_up(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", checkout / "ops/setup/setup.sh"],
        env={"PATH": str(checkout.parent / "bin"), "HOME": str(checkout.parent)},
        cwd=os.sep,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_python_it_says_what_is_needed(checkout):
    done = set_up(checkout)
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed; set PYTHON=" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_is_too_old_counts_as_none(checkout):
    old = checkout.parent / "bin" / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = set_up(checkout)
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert not (checkout / ".venv").exists()
