"""`giro demo` shows nothing that it has not checked."""

import io
import tempfile
from pathlib import Path

import pytest
from rich.console import Console

from ops.demo.scenes import SCENES
from ops.demo.show import show
from ops.demo.stage import DemoFailedError, Stage, check
from ops.figures import percentile


def homes() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("giro-demo-*"))


async def test_a_scene_that_does_not_hold_fails_the_demo_and_nothing_is_left_behind():
    async def wrong(stage: Stage) -> None:
        balance = await stage.balance("anna")
        check(balance == 1, f"Anna has {stage.money(balance)}")

    told = io.StringIO()
    before = homes()
    scenes = [scene for scene in SCENES if scene[0] in {"Who plays", "Opening accounts"}]
    with pytest.raises(DemoFailedError, match=r"Anna has 5,000\.00 EUR"):
        await show(Console(file=told, width=120), [*scenes, ("Wrong", wrong)])
    assert "Anna Berg" in told.getvalue()
    assert "the system's last words" in told.getvalue()
    assert homes() == before


def test_the_story_is_told_whole():
    titles = " ".join(title for title, _ in SCENES).lower()
    for part in ("accounts", "transfer", "frozen", "thousand", "loans", "recovery", "books"):
        assert part in titles


def test_percentiles_are_values_that_were_seen():
    times = [float(n) for n in range(1, 101)]
    assert percentile(times, 50) == 51
    assert percentile(times, 99) == 100
    assert percentile([], 99) == 0
