"""The workers' entry point: ``dramatiq worker.main``."""

from worker.broker import make_worker_broker

broker = make_worker_broker()

# Actors register on the broker that is set when they are imported.
from worker.actors import business_day, settlement  # noqa: E402

__all__ = ["broker", "business_day", "settlement"]
