"""How much is measured, and how long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes and durations of a run. Each round measures everything once, pgbench among it."""

    rounds: int = 3
    seconds: float = 15.0
    warm_up_seconds: float = 3.0

    pgbench_scale: int = 50
    pgbench_clients: int = 16
    pgbench_threads: int = 2

    api_processes: int = 1
    workers: int = 2
    connections: int = 64
    customers: int = 64
    accounts: int = 1_000
    batch_items: int = 1_000
    batch_connections: int = 4

    engine_accounts: int = 10_000
    engine_transfers: int = 100_000
    engine_workers: int = 2

    due_loans: int = 10_000
    idle_loans: int = 100_000
    late_loans: int = 50_000


QUICK = Plan(
    rounds=1,
    seconds=4.0,
    warm_up_seconds=1.0,
    pgbench_scale=10,
    engine_accounts=2_000,
    engine_transfers=20_000,
    due_loans=2_000,
    idle_loans=10_000,
    late_loans=5_000,
)
