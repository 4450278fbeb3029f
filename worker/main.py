"""The workers' entry point: ``dramatiq worker.main``."""

from worker.broker import make_worker_broker

broker = make_worker_broker()

# Actors register on the broker that is set when they are imported.
from worker.actors import lending, settlement  # noqa: E402

__all__ = ["broker", "lending", "settlement"]
