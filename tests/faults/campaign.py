"""Fault after fault on as few stacks as possible: one stack for all that fit its shape."""

import json
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from tests.faults import clocks, trial
from tests.faults.cast import Cast, assemble
from tests.faults.nemesis import FAULTS, Fault
from tests.faults.stage import Shape, Stage, may_mount

SHOWN: Final = 10
Report = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What to try. ``seconds``: how long each fault is held; None for as long as it says itself.

    ``logs`` is where the histories go, one file for each trial; a stack whose trial showed a breach
    keeps its home.
    """

    seed: int
    faults: Sequence[Fault]
    logs: Path
    seconds: float | None = None


async def run(plan: Plan) -> list[Report]:
    """Try all; the reports as they go to files."""
    reports: list[Report] = []
    numbers = iter(range(1, len(plan.faults) + 1))
    ordered = sorted(plan.faults, key=lambda fault: repr(fault.shape))
    for shape, faults in groupby(ordered, key=lambda fault: fault.shape):
        reports += await _on_stacks(plan, shape, list(faults), numbers)
    order = list(FAULTS)
    return sorted(reports, key=lambda report: order.index(report["fault"]))


async def _on_stacks(
    plan: Plan, shape: Shape, faults: Sequence[Fault], numbers: Iterator[int]
) -> list[Report]:
    """Try faults on one stack; on another one after a breach."""
    skipped = _why_not(shape)
    if skipped is not None:
        for fault in faults:
            print(f"{fault.name:<20} skipped: {skipped}", flush=True)
        return []
    reports: list[Report] = []
    while len(reports) < len(faults):
        reports += await _on_one_stack(plan, shape, faults[len(reports) :], numbers)
    return reports


async def _on_one_stack(
    plan: Plan, shape: Shape, faults: Sequence[Fault], numbers: Iterator[int]
) -> list[Report]:
    """Try faults on one stack until one of them breaks something. Its home is kept then."""
    reports: list[Report] = []
    stage = Stage(shape)
    sound = False
    try:
        await stage.start()
        cast = await assemble(stage)
        for fault in faults:
            reports.append(await _try(plan, stage, cast, fault, next(numbers)))
            sound = not reports[-1]["breaches"]
            if not sound:
                break
        await cast.client.aclose()
    finally:
        stage.stop(keep=not sound)
        if not sound:
            print(f"{'':<20} its stack's log: {stage.log}", flush=True)
    return reports


async def _try(plan: Plan, stage: Stage, cast: Cast, fault: Fault, number: int) -> Report:
    started = time.monotonic()
    held = fault.seconds if plan.seconds is None or not fault.seconds else plan.seconds
    log = plan.logs / f"{plan.seed}-{fault.name}.jsonl"
    log.unlink(missing_ok=True)
    try:
        report = trial.as_json(
            await trial.run(
                stage, cast, fault, seed=plan.seed, number=number, seconds=held, log=log
            )
        )
    except Exception as error:  # noqa: BLE001 - the others are tried all the same, on another stack
        traceback.print_exc()
        report = trial.as_json(trial.not_tried(fault, error))
    print(
        f"{fault.name:<20} {len(report['breaches'])} breaches, stall {report['stall_seconds']:.1f}"
        f" s, one waited {report['wait_seconds']:.1f} s, recovered after"
        f" {report['recovery_seconds']:.1f} s, {report['acknowledged']} acknowledged"
        f" ({time.monotonic() - started:.0f} s)",
        flush=True,
    )
    for breach in report["breaches"][:SHOWN]:
        print(f"{'':<20} {breach}", flush=True)
    if report["breaches"]:
        again = f"--seed {plan.seed} --fault {fault.name}"
        print(f"{'':<20} its history: {log}\n{'':<20} again: make faults ARGS='{again}'")
    with (plan.logs / "results.jsonl").open("a") as results:
        results.write(json.dumps(report) + "\n")
    return report


def _why_not(shape: Shape) -> str | None:
    """Why a stack of this shape cannot be had here, in plain words; None where it can."""
    if shape.disk_mb is not None and not may_mount():
        return "only root may mount the small disk that it needs"
    if shape.clocks and clocks.library() is None:
        return "there is no libfaketime for this machine, which would step the clocks"
    return None
