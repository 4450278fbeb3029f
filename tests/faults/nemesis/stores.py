"""Redis is emptied, killed, hung, refuses connections, and has no memory left."""

from collections.abc import AsyncIterator

from tests.faults.nemesis.fault import Scene, all_the_while, fault, hung
from tests.faults.processes import kill


@fault("redis-flushed", "Redis: FLUSHALL, twenty times a second", short=True)
async def redis_flushed(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.redis() as redis, all_the_while(redis.flushall, 0.05):
        yield


@fault("redis-killed", "Redis: SIGKILL", seconds=0, short=True)
async def redis_killed(scene: Scene) -> AsyncIterator[None]:
    kill([scene.stage.pids("valkey")["valkey"]])
    yield


@fault("redis-hung", "Redis: SIGSTOP")
async def redis_hung(scene: Scene) -> AsyncIterator[None]:
    with hung([scene.stage.pids("valkey")["valkey"]]):
        yield


@fault("redis-refused", "Redis: its port closed, every connection cut")
async def redis_refused(scene: Scene) -> AsyncIterator[None]:
    port = scene.stage.servers.valkey.port
    async with scene.stage.redis().client() as redis:  # one connection, which outlives the port
        await redis.config_set("port", 0)
        for kind in ("normal", "pubsub"):
            await redis.client_kill_filter(_type=kind, skipme=True)
        try:
            yield
        finally:
            await redis.config_set("port", port)


@fault("redis-full", "Redis: no memory left, every write refused")
async def redis_full(scene: Scene) -> AsyncIterator[None]:
    async with scene.stage.redis() as redis:
        await redis.config_set("maxmemory", 1)
        try:
            yield
        finally:
            await redis.config_set("maxmemory", 0)
