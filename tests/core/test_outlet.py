"""Logs never make the bank wait: a reader that hangs costs lines, which are counted."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from core.foundation.outlet import Outlet

# A process that logs far more than a pipe holds, its own way and the libraries'.
TALKATIVE = """
import logging, sys
from core.foundation.config import Settings
from core.foundation.logging import configure, get_logger, log_each
configure(Settings(_env_file=None), process="test")
log = get_logger("test")
for number in range(5_000):
    log.info("alone", number=number)
    logging.getLogger("library").info("a library says %d", number)
log_each(log, "together", ({"number": number} for number in range(5_000)))
sys.stderr.write("all said\\n")
sys.stderr.flush()
sys.stdin.readline()
"""


def notice(lines: int) -> bytes:
    return b"dropped %d\n" % lines


@pytest.fixture(params=["a pipe", "a socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Reading and writing end; on a socket nothing is written but by the thread."""
    if request.param == "a pipe":
        reading, writing = os.pipe()
    else:
        reading, writing = (end.detach() for end in socket.socketpair())
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            continue


def read_until(reading: int, last: bytes) -> list[bytes]:
    received = b""
    while last not in received:
        received += os.read(reading, 1 << 20)
    return received.splitlines()


def test_a_reader_that_hangs_stops_nobody_and_the_gap_is_owned_up_to(
    ends: tuple[int, int],
) -> None:
    reading, writing = ends
    counted: list[int] = []
    outlet = Outlet(writing, notice=notice, count=counted.append, max_waiting_bytes=300_000)
    # When ten times as much is written as there is room for
    started = time.monotonic()
    for number in range(50_000):
        outlet.write(b"%099d\n" % number)
    assert time.monotonic() - started < 5
    # Then the reader that comes back has all lines in order, each gap with its length in its place
    kept = dropped = 0
    rest = b""
    while kept + dropped < 50_000:
        *lines, rest = (rest + os.read(reading, 1 << 20)).split(b"\n")
        for line in lines:
            if line.startswith(b"dropped"):
                dropped += int(line.split()[1])
            else:
                assert int(line) == kept + dropped
                kept += 1
    assert dropped == sum(counted)
    assert 300_000 <= kept * 100 <= 2_000_000
    # And it goes on
    outlet.write(b"again\n")
    assert read_until(reading, b"again") == [b"again"]


def test_lines_of_several_threads_stay_whole_and_in_their_order(ends: tuple[int, int]) -> None:
    reading, writing = ends
    outlet = Outlet(writing, notice=notice)

    def say(name: int) -> None:
        for number in range(0, 4_000, 40):
            outlet.write(b"".join(b"%d %0200d\n" % (name, n) for n in range(number, number + 40)))

    threads = [threading.Thread(target=say, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    received = b""
    while received.count(b"\n") < 16_000:
        received += os.read(reading, 10_000)
    for thread in threads:
        thread.join()
    said: dict[bytes, list[int]] = {}
    for line in received.splitlines():
        name, number = line.split()
        said.setdefault(name, []).append(int(number))
    assert list(said.values()) == [list(range(4_000))] * 4


def test_a_reader_that_is_gone_is_no_error(ends: tuple[int, int]) -> None:
    reading, writing = ends
    counted: list[int] = []
    outlet = Outlet(writing, notice=notice, count=counted.append)
    os.close(reading)
    for _ in range(100):
        outlet.write(b"hello?\n")
    outlet.close()
    assert sum(counted) >= 99


def test_a_process_whose_log_nobody_reads_goes_on() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TALKATIVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    watch = threading.Timer(20, process.kill)
    watch.start()
    assert process.stderr.readline() == b"all said\n"
    watch.cancel()
    process.stdin.close()
    said = process.stdout.read().decode()
    assert process.wait() == 0
    for sort in ("alone", "a library says", "together"):
        assert said.count(sort) == 5_000, sort
    process.stdout.close()
    process.stderr.close()
