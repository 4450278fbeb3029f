"""`giro bench`: its load generator counts right, and a tiny run measures everything."""

import asyncio
import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from ops.bench import load, report, stages
from ops.bench.plan import QUICK
from ops.bench.run import run
from ops.bench.stages import Stage

TINY = replace(
    QUICK,
    seconds=1.0,
    warm_up_seconds=0.2,
    pgbench_scale=1,
    pgbench_clients=2,
    workers=1,
    connections=4,
    customers=4,
    accounts=40,
    batch_items=50,
    batch_connections=1,
    engine_accounts=100,
    engine_transfers=1_000,
    due_loans=60,
    idle_loans=200,
    late_loans=200,
)


async def answering(status: str, body: bytes, *, in_pieces: bool = False):
    """An HTTP server on a free port that answers every request alike; counts them."""
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                seen.append(await reader.readexactly(length))
                answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
                for piece in (answer[:30], answer[30:]) if in_pieces else (answer,):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1], seen


@pytest.mark.parametrize("in_pieces", [False, True])
async def test_every_answer_is_counted_by_its_status(in_pieces):
    server, port, seen = await answering("202 Accepted", b'{"ok":true}', in_pieces=in_pieces)
    one = load.request("POST", "/transactions/transfer", "token", b'{"amount":1}')
    async with server:
        tally = await load.run("127.0.0.1", port, [[one], [one]], 0.2)
    assert tally.statuses == {202: len(seen)}
    assert len(tally.seconds) == len(seen) > 10
    assert tally.rate(202) == pytest.approx(len(seen) / (tally.ended - tally.started))
    assert set(seen) == {b'{"amount":1}'}


async def test_a_server_that_hangs_up_fails_the_load():
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(ConnectionError):
            await load.run("127.0.0.1", port, [[load.request("GET", "/", "", b"")]], 0.2)


def test_a_profile_is_what_was_added_between_two_looks_longest_first():
    before = {"decide": Stage(10, 1.0), "book": Stage(5, 2.0), "idle": Stage(1, 9.0)}
    after = {"decide": Stage(30, 1.5), "book": Stage(25, 6.0), "idle": Stage(1, 9.0)}
    assert stages.between(before, after, movements=100) == {
        "book": {"calls": 20, "seconds": 4.0, "us_per_movement": 40_000.0},
        "decide": {"calls": 20, "seconds": 0.5, "us_per_movement": 5_000.0},
    }


def test_a_ratio_is_taken_within_each_round():
    """The machine was twice as fast in the second round: the ratio does not notice."""
    rounds = [dict.fromkeys(report.RATES, 1_000.0 * speed) for speed in (1, 2)]
    for done in rounds:
        done["engine_1"] *= 5
    summary = report.summarise(rounds)
    assert summary["engine_1"] == {"median": 7_500, "least": 5_000, "most": 10_000, "ratio": 5.0}
    assert summary["pgbench"]["ratio"] == 1.0


async def test_a_tiny_run_measures_both_systems_and_finds_the_books_sound(tmp_path):
    told = io.StringIO()
    console = Console(file=told, width=200)
    result = await run(console, TINY, tmp_path / "bench")
    report.show(console, result)

    (measured,) = result["rounds"]
    for key in report.RATES:
        assert report.rate_of(measured[key]) > 0, key
    assert result["checks"]
    assert all(check["looked_at"] >= 0 and not check["breaches"] for check in result["checks"])
    api, workers = measured["stages"]["API"], measured["stages"]["workers"]
    for stage in ("authenticate", "read_body", "accept", "commit_pending", "reply"):
        assert api[stage]["calls"] > 0, stage
    for stage in ("claim_read", "decide", "book", "write_postings", "announce"):
        assert workers[stage]["calls"] > 0, stage
    assert stages.CPU in api.keys() & workers.keys()
    assert measured["http"]["backlog"]["most"] >= 0
    assert json.loads(json.dumps(result, default=str))["machine"]["cores"] > 0
    for words in ("pgbench TPC-B", "one hot account", "stage of the API", "checks pass"):
        assert words in told.getvalue()
    assert not (tmp_path / "bench").exists()
