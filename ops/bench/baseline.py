"""The yardstick: pgbench's own TPC-B-like transaction, on the same server in the same minutes."""

import asyncio
import re

from ops.bench.plan import Plan
from ops.embedded import EmbeddedError
from ops.embedded.postgres import Postgres
from ops.embedded.software import client_programs

DATABASE = "bench_pgbench"


async def prepare(postgres: Postgres, plan: Plan) -> None:
    """Create and fill the tables (scale 50 is 5 million accounts, about 750 MB)."""
    await asyncio.to_thread(postgres.execute, f"CREATE DATABASE {DATABASE};")
    await _pgbench(postgres, "-i", "-q", "-s", str(plan.pgbench_scale))


async def measure(postgres: Postgres, plan: Plan, seconds: float) -> float:
    """Transactions per second, prepared statements, without the time to connect."""
    said = await _pgbench(
        postgres,
        *("-n", "-M", "prepared"),
        *("-c", str(plan.pgbench_clients), "-j", str(plan.pgbench_threads)),
        *("-T", str(max(1, round(seconds)))),
    )
    found = re.search(r"tps = ([\d.]+) \(without initial connection time\)", said)
    if found is None:
        raise EmbeddedError(f"pgbench reports no tps:\n{said}")
    return float(found.group(1))


async def _pgbench(postgres: Postgres, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        str(client_programs() / "pgbench"),
        *arguments,
        DATABASE,
        env=postgres.client_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    text = said.decode(errors="replace")
    if process.returncode != 0:
        raise EmbeddedError(f"pgbench failed:\n{text}")
    return text
