"""The command: `make faults`, or `python -m tests.faults --help`."""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ops.commands.interrupts import treat_sigterm_as_ctrl_c
from ops.run.processes import ROOT
from tests.faults import table
from tests.faults.campaign import Plan, run
from tests.faults.nemesis import FAULTS

PAGE = ROOT / "docs" / "reliability.md"
LOGS = ROOT / ".cache" / "faults"
SHORT_SECONDS = 3.0


def main() -> int:
    """Try the faults that are asked for; 1 where one of them broke a promise."""
    given = _arguments()
    if given.list:
        for fault in FAULTS.values():
            print(f"{fault.name:<20} {fault.tells}")
        return 0
    treat_sigterm_as_ctrl_c()
    LOGS.mkdir(parents=True, exist_ok=True)
    if given.table:
        _show(table.load(LOGS / "results.jsonl", list(FAULTS)), write=given.write)
        return 0
    chosen = [FAULTS[name] for name in given.fault] if given.fault else list(FAULTS.values())
    if given.short:
        chosen = [fault for fault in chosen if fault.short]
    seconds = given.seconds or (SHORT_SECONDS if given.short else None)
    print(f"seed {given.seed}, {len(chosen)} faults", flush=True)
    reports = asyncio.run(run(Plan(given.seed, chosen, LOGS, seconds)))
    _show(reports, write=given.write)
    broken = sum(bool(report["breaches"]) for report in reports)
    print(f"{len(reports) - broken} passed, {broken} failed, seed {given.seed}")
    return 1 if broken else 0


def _show(reports: Sequence[Mapping[str, Any]], *, write: bool) -> None:
    print(f"\n{table.render(reports)}\n")
    if write:
        table.write(PAGE, table.render(reports))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults ARGS=…", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="replay what this seed did"
    )
    parser.add_argument(
        "--fault", action="append", choices=sorted(FAULTS), help="only this one (repeatable)"
    )
    parser.add_argument("--seconds", type=float, help="how long each fault is held")
    parser.add_argument("--short", action="store_true", help="the short form, for every change")
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/reliability.md"
    )
    parser.add_argument(
        "--table", action="store_true", help="the table of the latest trials of each fault"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
