"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ops.embedded.postgres import Postgres

SHOWN_SETTINGS = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "data_checksums",
)


def describe(postgres: Postgres) -> dict[str, Any]:
    """Processor, memory, versions, and the server's settings that matter for the figures."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    settings = {name: postgres.execute(f"SHOW {name}") for name in SHOWN_SETTINGS}
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "uvicorn": version("uvicorn"),
        "asyncpg": version("asyncpg"),
        "postgresql": settings,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
