"""The supervisor: children come back, end in order, and die with it."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from ops.run import backoff as rules
from ops.run.backoff import Backoff
from ops.run.child import ChildFailedError, Spec
from ops.run.output import Output
from ops.run.supervisor import Supervisor
from tests.ops.terminal import REPOSITORY, is_alive

PATIENT = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(15, signal.SIG_IGN); {PATIENT}"
# A master with a child of its own, as dramatiq and uvicorn have.
MASTER = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print('child', child.pid, flush=True); time.sleep(60)"
)


class Recorder(Output):
    """Keeps the lines instead of writing them."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        super().__init__(io.StringIO(), colour=False)

    def _put(self, lines: Sequence[str]) -> None:
        self.seen.extend(lines)


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


async def until(condition, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  (the condition is a process elsewhere)
            await asyncio.sleep(0.02)


@pytest.fixture
async def supervisor():
    output = Recorder()
    supervisor = Supervisor(output)
    supervisor.output = output
    yield supervisor
    supervisor.hurry.set()
    await supervisor.stop([""])
    supervisor.close()


def test_who_lived_a_while_comes_back_at_once_however_often_it_is_killed():
    backoff = Backoff()
    assert [backoff.delay(lived_seconds=6, alone=False) for _ in range(20)] == [0] * 20


def test_delays_double_for_what_dies_young_again_and_again_until_it_lives():
    backoff = Backoff()
    delays = [backoff.delay(lived_seconds=1, alone=False) for _ in range(9)]
    assert delays == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.delay(lived_seconds=6, alone=False) == 0
    assert backoff.delay(lived_seconds=1, alone=False) == 0


def test_the_last_of_its_kind_never_waits_long():
    backoff = Backoff()
    assert [backoff.delay(lived_seconds=1, alone=True) for _ in range(8)] == [
        *(0, 0.5, 1, 2),
        *(2, 2, 2, 2),
    ]


async def test_a_killed_child_comes_back(supervisor):
    child = await supervisor.start(Spec("worker-1", python(PATIENT)))
    first = child.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.pid not in {None, first})
    assert child.starts == 2
    assert any("ended with SIGKILL; starting again at once" in x for x in supervisor.output.seen)


async def test_workers_that_all_die_young_are_never_all_kept_waiting(supervisor, monkeypatch):
    """A defect, or somebody with a grudge: one of them is always about to come back."""
    monkeypatch.setattr(rules, "FIRST_DELAY_SECONDS", 0.05)
    monkeypatch.setattr(rules, "LONGEST_DELAY_ALONE_SECONDS", 0.2)
    children = [
        await supervisor.start(Spec(f"worker-{n}", python("raise SystemExit(3)"))) for n in (1, 2)
    ]
    nobody_since, longest = time.monotonic(), 0.0
    while sum(child.starts for child in children) < 22:
        if any(child.pid is not None for child in children):
            nobody_since = time.monotonic()
        longest = max(longest, time.monotonic() - nobody_since)
        await asyncio.sleep(0.01)
    assert longest < 1, "eleven starts each would have been waits of many seconds"


async def test_a_program_that_cannot_be_launched_is_tried_again(supervisor):
    tries = []

    def not_yet() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("no space left on device")

    spec = Spec("postgres", python("import time; time.sleep(0.2)"), before_restart=not_yet)
    child = await supervisor.start(spec)
    await until(lambda: child.starts == 2)
    said = [line for line in supervisor.output.seen if "could not be started" in line]
    assert [line.partition("; ")[2] for line in said] == [
        "starting again in 0.5 s",
        "starting again in 1 s",
    ]


async def test_what_a_killed_master_leaves_behind_goes_with_it(supervisor):
    child = await supervisor.start(Spec("worker-1", python(MASTER)))
    await until(lambda: child.last_lines)
    grandchild = int(child.last_lines[-1].split()[1])
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: not is_alive(grandchild))


async def test_children_end_in_the_order_of_their_groups(supervisor):
    ended = []
    script = (
        "import signal, sys, time;"
        "signal.signal(15, lambda *_: (time.sleep(0.2), sys.exit(0)));"
        "print('up', flush=True); time.sleep(60)"
    )
    for name in ("postgres", "api", "worker-1", "worker-2"):
        child = await supervisor.start(Spec(name, python(script)))
        await until(lambda child=child: child.last_lines)
        child._task.add_done_callback(lambda _, name=name: ended.append(name))
    await supervisor.stop(["api"], ["worker"], ["postgres"])
    await asyncio.sleep(0)
    assert ended[0] == "api"
    assert set(ended[1:3]) == {"worker-1", "worker-2"}
    assert ended[3] == "postgres"


async def test_a_child_that_does_not_end_is_killed_after_its_grace(supervisor):
    child = await supervisor.start(Spec("worker-1", python(STUBBORN), grace_seconds=0.3))
    await until(lambda: child.last_lines)
    started = time.monotonic()
    await supervisor.stop(["worker"])
    assert child.pid is None
    assert 0.3 <= time.monotonic() - started < 5


async def test_a_second_signal_ends_the_patience(supervisor):
    child = await supervisor.start(Spec("worker-1", python(STUBBORN), grace_seconds=60))
    await until(lambda: child.last_lines)
    stopping = asyncio.create_task(supervisor.stop(["worker"]))
    await asyncio.sleep(0.1)
    assert not stopping.done()
    supervisor.hurry.set()
    await asyncio.wait_for(stopping, 5)


async def test_a_store_has_a_moment_to_write_down_what_it_has_even_then(supervisor):
    slow = "import signal, sys, time; signal.signal(15, lambda *_: (time.sleep(0.5), sys.exit()))"
    spec = Spec("postgres", python(f"{slow}; {PATIENT}"), hurried_grace_seconds=5)
    child = await supervisor.start(spec)
    await until(lambda: child.last_lines)
    supervisor.hurry.set()
    await supervisor.stop(["postgres"])
    assert child.pid is None
    assert not any("killed" in line for line in supervisor.output.seen)


async def test_a_child_that_never_comes_up_is_reported_with_its_last_words(supervisor):
    child = await supervisor.start(Spec("api", python("raise SystemExit('no such table')")))
    with pytest.raises(ChildFailedError, match="no such table"):
        await supervisor.until_ready(child, lambda _: False, timeout_seconds=1)


async def test_a_line_without_an_end_is_cut_and_bytes_are_no_obstacle(supervisor):
    script = "import sys; sys.stdout.buffer.write(b'x' * 300_000 + b'\\n\\xff end\\n')"
    child = await supervisor.start(Spec("api", python(script)))
    await until(lambda: any(line.endswith(" end") for line in child.last_lines))
    assert sum(line.count("x") for line in child.last_lines) == 300_000


@pytest.mark.parametrize("patience", [PATIENT, STUBBORN])
def test_children_do_not_outlive_a_killed_supervisor(patience):
    """Not even one that will not end when it is told to."""
    script = (
        "import asyncio, sys\n"
        "from ops.run import watchdog\n"
        "from ops.run.output import Output\n"
        "from ops.run.child import Spec\n"
        "from ops.run.supervisor import Supervisor\n"
        "watchdog.Watchdog.__init__.__defaults__ = (0.5,)\n"
        "async def main():\n"
        "    output = Output()\n"
        "    supervisor = Supervisor(output)\n"
        f"    child = await supervisor.start(Spec('api', [sys.executable, '-c', {patience!r}]))\n"
        "    while not child.last_lines:\n"
        "        await asyncio.sleep(0.01)\n"
        "    output.line(f'pid {child.pid}')\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        python(script), stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as parent:
        try:
            pid = next(int(line.split()[1]) for line in parent.stdout if line.startswith("pid"))
        finally:
            parent.kill()
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(pid)


def test_a_reader_that_stops_reading_stops_nobody():
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        output = Output(stream, colour=False)
        started = time.monotonic()
        for number in range(30_000):
            output.child("api", f"line {number} " + "x" * 80)
        assert time.monotonic() - started < 5
        # The reader comes back: the newest lines are there, and the gap is owned up to.
        received = b""
        while b"line 29999" not in received:
            received += os.read(reading, 1 << 20)
        assert b"lines dropped: nobody read them" in received
    os.close(reading)


def test_a_reader_that_is_gone_does_not_spoil_the_exit():
    script = (
        "import sys\n"
        "from ops.run.output import Output\n"
        "sys.stdin.readline()\n"
        "output = Output()\n"
        "output.line('stopped')\n"
        "output.flush()\n"
    )
    done = subprocess.Popen(
        python(script),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    done.stdout.close()
    done.stdin.write("the reader is gone\n")
    done.stdin.close()
    assert done.wait(10) == 0
    assert done.stderr.read() == ""
    done.stderr.close()
