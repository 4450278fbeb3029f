"""Logs: one structlog pipeline for our lines and the libraries', JSON in production.

Context such as ``request_id`` and ``transaction_id`` is bound with ``bind`` and rides on every
line that follows in the same task. Values under a sensitive name are masked before they are
rendered.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any

import structlog
from structlog.types import EventDict, Processor

from core.config import Environment, Settings

SENSITIVE_NAMES = (
    "password", "token", "secret", "authorization", "cookie", "id_document", "database_url",
    "redis_url",
)  # fmt: skip
MASK = "***"


def configure(settings: Settings, *, process: str) -> None:
    """Set logging up for this process (``api``, ``worker``, ``scheduler``, …); call once."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(process),
        mask_sensitive,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings.environment),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("uvicorn.error", "dramatiq.worker", "dramatiq.broker", "apscheduler"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: ``get_logger(__name__)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def bind(**context: object) -> AbstractContextManager[object]:
    """Put ``context`` on every line logged inside the ``with`` block, in this task only."""
    return structlog.contextvars.bound_contextvars(**context)


def mask_sensitive(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace the value of every key that names a secret, at any depth of mappings."""
    return _masked(event)


def _masked(fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in fields.items():
        if any(sensitive in name.lower() for sensitive in SENSITIVE_NAMES):
            fields[name] = MASK
        elif isinstance(value, Mapping):
            fields[name] = _masked(dict(value))
    return fields


def _named(process: str) -> Processor:
    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return add


def _renderers(environment: Environment) -> list[Processor]:
    if environment is Environment.PRODUCTION:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Plain tracebacks: the pretty ones print local variables, tokens and passwords among them.
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]
