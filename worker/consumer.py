"""Consumers that a message cannot break: what is no job of ours ends among the failed jobs.

Anybody who reaches Redis may put anything into a queue. Left to itself, dramatiq's consumer stops
for seconds at a message that it cannot read and forgets those that it had fetched with it; one that
names another queue ends a thread of the worker; one that is put off for years takes a place in the
consumer for good; and none of them ever leaves Redis. Here such a message goes to the queue's dead
letters, which end after a week, with a line in the log, a count, and a failed job to be seen.
"""

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import redis
from dramatiq import Message, MessageProxy
from dramatiq.brokers.redis import _RedisConsumer
from dramatiq.common import current_millis, dq_name
from dramatiq.errors import ConnectionClosed, DecodeError

from core.foundation import metrics
from core.foundation.jobs import Broker
from core.foundation.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

log = get_logger(__name__)

# Retries come within seconds; what is put off for longer is nobody's.
LONGEST_DELAY_MS: Final = 3_600_000
# How often a consumer looks, without a reason to, for what it was handed and does not know.
LOOK_SECONDS: Final = 60.0
# Beyond so many a minute they are only counted: whoever fills a queue shall not fill a table.
MOST_TOLD: Final = 20
SHOWN_BYTES: Final = 500


class WatchfulBroker(Broker):
    """The workers' broker. ``report`` is told the queue, the beginning and the fault of what is
    no job.
    """

    report: "Callable[[str, str, str], None]"

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        # By queue: the ids in Redis of the jobs under way. A consumer may be replaced meanwhile.
        self.under_way: defaultdict[str, set[str]] = defaultdict(set)
        self._told_since, self._told = 0.0, 0

    @property
    def consumer_class(self) -> type["WatchfulConsumer"]:
        """The consumer of this module."""
        return WatchfulConsumer

    def tell(self, queue: str, data: bytes, fault: str) -> None:
        """Count a message that is no job, and tell of it unless there are too many."""
        metrics.jobs_unreadable.labels(queue).inc()
        if time.monotonic() - self._told_since > LOOK_SECONDS:
            self._told_since, self._told = time.monotonic(), 0
        self._told += 1
        if self._told <= MOST_TOLD:
            log.error("message_is_no_job", queue=queue, fault=fault, bytes=len(data))
            self.report(queue, data[:SHOWN_BYTES].decode(errors="replace"), fault)


class WatchfulConsumer(_RedisConsumer):
    """Dramatiq's consumer of one queue, which hands on nothing but jobs."""

    broker: WatchfulBroker
    queue_name: str

    def __init__(self, broker: WatchfulBroker, queue_name: str, prefetch: int, wait: int) -> None:
        super().__init__(broker, queue_name, prefetch, wait)  # type: ignore[no-untyped-call]
        self._redis: Any = broker.client
        self._fetched = f"{broker.namespace}:__acks__.{broker.broker_id}.{queue_name}"
        self._messages = f"{broker.namespace}:{queue_name}.msgs"
        self._under_way = broker.under_way[queue_name]
        self._looked_at = time.monotonic()
        self._suspects = False

    def ack(self, message: MessageProxy) -> None:
        """The job is done."""
        super().ack(message)  # type: ignore[no-untyped-call]
        self._under_way.discard(message.options["redis_message_id"])

    def nack(self, message: MessageProxy) -> None:
        """The job has failed for good."""
        super().nack(message)  # type: ignore[no-untyped-call]
        self._under_way.discard(message.options["redis_message_id"])

    def requeue(self, messages: "Iterable[MessageProxy]") -> None:
        """Others shall do these."""
        messages = list(messages)
        super().requeue(messages)  # type: ignore[no-untyped-call]
        self._under_way.difference_update(m.options["redis_message_id"] for m in messages)

    def __next__(self) -> MessageProxy | None:
        """The next job; None where none came for a while."""
        while True:
            if not self.message_cache:
                self._look()
            try:
                message: MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
            except (DecodeError, TypeError):  # dramatiq keeps ids in a set; not all fit into one
                self._suspects = True
                continue
            if message is None:
                return None
            if self._fault_of(message) is None:
                self._under_way.add(message.options["redis_message_id"])
                return message
            self.queued_message_ids.discard(message.message_id)
            self._suspects = True

    def _fault_of(self, message: MessageProxy) -> str | None:
        """What makes the message no job of this queue's; None for a job."""
        options, actor = message.options, message.actor_name
        if not (isinstance(options, dict) and isinstance(message.kwargs, dict)):
            return "its options or arguments are no objects"
        ids = (message.message_id, options.get("redis_message_id"))
        if not all(isinstance(identity, str) for identity in ids):
            return "it does not say its id, or under which id it lies"
        if message.queue_name != self.queue_name:
            return "it names another queue"
        if not isinstance(actor, str) or actor not in self.broker.actors:
            return "it names no actor of ours"
        if not self._waits_as_it_should(options):
            return "it waits where nothing waits, or not at all, or for too long"
        return None

    def _waits_as_it_should(self, options: "Mapping[str, object]") -> bool:
        if self.queue_name != dq_name(self.queue_name):
            return "eta" not in options
        eta = options.get("eta")
        return isinstance(eta, int | float) and eta <= current_millis() + LONGEST_DELAY_MS

    def _look(self) -> None:
        """Bury what was handed to this consumer and is no job: at once on suspicion, else at times.

        Called while nothing that was fetched is left to be handed on, on the thread that fetches.
        """
        now = time.monotonic()
        if not self._suspects and now - self._looked_at < LOOK_SECONDS:
            return
        known = set(self._under_way)
        try:
            for message_id in self._redis.smembers(self._fetched):
                if message_id.decode(errors="replace") not in known:
                    self._bury(message_id)
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        self._looked_at, self._suspects = now, False

    def _bury(self, message_id: bytes) -> None:
        data = self._redis.hget(self._messages, message_id)
        if data is None:  # an id without a message
            self.broker.do_ack(self.queue_name, message_id)
            return
        self.broker.do_nack(self.queue_name, message_id)
        self.broker.tell(self.queue_name, data, self._fault_in(data))

    def _fault_in(self, data: bytes) -> str:
        try:
            message = MessageProxy(Message.decode(data))
        except DecodeError:
            return "it cannot be read"
        return self._fault_of(message) or "it says that it lies under another id"
