"""Where the time goes: the processes' own stage histograms and CPU times, before and after."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx2
from prometheus_client.parser import text_string_to_metric_families

METRIC = "giro_stage_seconds"
CPU_METRIC = "process_cpu_seconds"
CPU = "processor time in all"


@dataclass(frozen=True)
class Stage:
    """How often a stage ran and how long in all: by the clock, waiting included."""

    count: float = 0.0
    seconds: float = 0.0


Snapshot = Mapping[str, Stage]


async def snapshot(urls: Sequence[str]) -> Snapshot:
    """The stages of all these metrics endpoints together, and their processor time as one more."""
    counts: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    async with httpx2.AsyncClient(timeout=10) as client:
        for url in urls:
            text = (await client.get(url)).raise_for_status().text
            for family in text_string_to_metric_families(text):
                if family.name == CPU_METRIC:
                    counts[CPU] += 1
                    seconds[CPU] += sum(sample.value for sample in family.samples)
                if family.name != METRIC:
                    continue
                for sample in family.samples:
                    stage = sample.labels.get("stage", "")
                    if sample.name == f"{METRIC}_count":
                        counts[stage] += sample.value
                    elif sample.name == f"{METRIC}_sum":
                        seconds[stage] += sample.value
    return {stage: Stage(counts[stage], seconds[stage]) for stage in counts}


def between(before: Snapshot, after: Snapshot, movements: int) -> dict[str, dict[str, float]]:
    """Each stage's calls, seconds, and microseconds per movement of the round, longest first."""
    spent = {
        name: Stage(now.count - then.count, now.seconds - then.seconds)
        for name, now in after.items()
        for then in (before.get(name, Stage()),)
    }
    ordered = sorted(spent.items(), key=lambda item: -item[1].seconds)
    return {
        name: {
            "calls": stage.count,
            "seconds": round(stage.seconds, 3),
            "us_per_movement": round(stage.seconds * 1e6 / max(1, movements), 1),
        }
        for name, stage in ordered
        if stage.seconds
    }
