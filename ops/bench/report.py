"""The figures of all rounds: medians, ratios to pgbench, tables, JSON."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

# What is compared with pgbench's transactions per second, with its label.
RATES: Mapping[str, str] = {
    "pgbench": "pgbench TPC-B",
    "http": "transfers over HTTP, one by one",
    "batch": "transfers over HTTP, in batches",
    "engine_1": "engine alone, 1 worker",
    "engine_n": "engine alone, several workers",
    "engine_hot": "engine alone, 1 worker, one hot account",
    "emi": "instalments collected by a business day",
    "idle": "loans closed by a day on which none is due",
    "late": "loans closed by a day, 3 % due and 6 % overdue",
}


def rate_of(measured: Any) -> float:
    """The rate of one measurement: of the HTTP ones, what was settled while the load lasted."""
    return float(measured["settled_per_second"] if isinstance(measured, dict) else measured)


def summarise(rounds: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """For each rate the median, the extremes, and the median of the rounds' ratios to pgbench."""
    summary = {}
    for key in RATES:
        rates = [rate_of(done[key]) for done in rounds]
        ratios = [rate_of(done[key]) / rate_of(done["pgbench"]) for done in rounds]
        summary[key] = {
            "median": round(median(rates), 1),
            "least": round(min(rates), 1),
            "most": round(max(rates), 1),
            "ratio": round(median(ratios), 2),
        }
    return summary


def show(console: Console, result: Mapping[str, Any]) -> None:
    """All of it as tables."""
    machine = result["machine"]
    console.print(
        f"{machine['processor']}, {machine['cores']} cores shared by everything, "
        f"{machine['memory_gb']} GB; PostgreSQL {machine['postgresql']['server_version']}, "
        f"Python {machine['python']}",
        highlight=False,
    )
    rates = Table("per second", "median", "least", "most", "x pgbench")
    for key, label in RATES.items():
        row = result["summary"][key]
        figures = (f"{row[name]:,.0f}" for name in ("median", "least", "most"))
        rates.add_row(label, *figures, f"{row['ratio']:.2f}")
    console.print(rates)

    latencies = Table("over HTTP", "submit p50", "p99", "final p50", "p99", "backlog", "oldest")
    for key in ("http", "batch"):
        of = [done[key] for done in result["rounds"]]
        latencies.add_row(
            RATES[key],
            *(
                f"{median(one[name] for one in of):,.1f} ms"
                for name in ("submit_p50_ms", "submit_p99_ms", "final_p50_ms", "final_p99_ms")
            ),
            f"{max(one['backlog']['most'] for one in of):,}",
            f"{max(one['backlog']['oldest_seconds'] for one in of):.2f} s",
        )
    console.print(latencies)
    for processes, profile in result["rounds"][-1]["stages"].items():
        _show_stages(console, processes, profile)
    checks = result["checks"]
    sound = all(check["breaches"] == 0 for check in checks)
    console.print(
        f"[green]books: all {len(checks)} checks pass[/]" if sound else f"[bold red]{checks}[/]"
    )


def _show_stages(
    console: Console, processes: str, stages: Mapping[str, Mapping[str, float]]
) -> None:
    table = Table(f"stage of the {processes}", "calls", "seconds", "µs per transfer")
    table.title = "one by one over HTTP, by the clock: waiting included, stages side by side"
    for name, stage in stages.items():
        figures = f"{stage['calls']:,.0f}", f"{stage['seconds']:.2f}"
        table.add_row(name, *figures, f"{stage['us_per_movement']:,.0f}")
    console.print(table)
