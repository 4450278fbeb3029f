"""The figures of a campaign as a table, and where it stands in docs/reliability.md."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

BEGIN: Final = "<!-- make faults: begin -->"
END: Final = "<!-- make faults: end -->"
HEAD: Final = (
    "| fault | what happens | breaches | nothing final for | one waited | recovered after "
    "| what clients saw |\n|---|---|---|---|---|---|---|"
)
ACCEPTED: Final = ("200", "202")


def render(reports: Iterable[Mapping[str, Any]]) -> str:
    """A Markdown table, one row for each fault."""
    return "\n".join([HEAD, *(_row(report) for report in reports)])


def write(page: Path, text: str) -> None:
    """Put ``text`` between the two marks of a page."""
    whole = page.read_text()
    before, rest = whole.split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def load(results: Path, order: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """The latest report of each fault that campaigns left in a file, in the order of the names."""
    reports = [json.loads(line) for line in results.read_text().splitlines()]
    latest = {report["fault"]: report for report in reports}
    return [latest[name] for name in order if name in latest]


def _row(report: Mapping[str, Any]) -> str:
    cells = [
        report["fault"],
        report["tells"],
        str(len(report["breaches"])),
        f"{report['stall_seconds']:.1f} s",
        f"{report['wait_seconds']:.1f} s",
        f"{report['recovery_seconds']:.1f} s",
        _seen(report),
    ]
    return f"| {' | '.join(cells)} |"


def _seen(report: Mapping[str, Any]) -> str:
    """How many submissions were taken, and every other answer."""
    codes: Mapping[str, int] = report["codes"]
    taken = sum(count for code, count in codes.items() if code in ACCEPTED)
    others = [f"{count} of {code}" for code, count in codes.items() if code not in ACCEPTED]
    return ", ".join([f"{taken} taken", *others])
