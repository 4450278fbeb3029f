"""The doorbell's actor: somebody says that transactions are pending."""

import dramatiq

from core.foundation.jobs import SETTLE_ACTOR, SETTLEMENT_QUEUE
from worker.broker import runtime


@dramatiq.actor(actor_name=SETTLE_ACTOR, queue_name=SETTLEMENT_QUEUE)
async def settle() -> None:
    """Settle everything that is free. Rung for nothing, it does nothing."""
    # First the bell, then the look: a row committed after the look finds the bell free to ring.
    await runtime().jobs.answer_bell()
    await runtime().settler.drain()
