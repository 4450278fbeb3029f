"""Logs: one line an event, JSON in production, readable in development.

Our own lines go from structlog straight to standard output, which never makes them wait
(``outlet``); the libraries' come through Python's logging and are rendered alike. Context such as
``request_id`` and ``transaction_id`` is bound with ``bind`` and rides on every line that follows
in the same task. Values under a sensitive name are masked before they are rendered. Errors are told
by ``describe``, in tracebacks too: what the database says of a row that it refuses is that row.
"""

import logging
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from functools import cache, lru_cache
from typing import Any, BinaryIO, Final, cast

import msgspec
import structlog
from pydantic_core import ValidationError
from structlog.typing import EventDict, ExcInfo, FilteringBoundLogger, Processor

from core.foundation import metrics
from core.foundation.config import Environment, Settings
from core.foundation.outlet import Outlet

SENSITIVE_NAMES: Final = (
    "password", "token", "secret", "authorization", "cookie", "id_document", "database_url",
    "redis_url",
)  # fmt: skip
MASK: Final = "***"
DATABASE_LIBRARIES: Final = frozenset({"asyncpg", "sqlalchemy"})
DATA_EXCEPTION_CLASS: Final = "22"
MAX_DESCRIPTION: Final = 500
# Libraries that tell more than anybody wants to know.
NOISY: Final = ("uvicorn.error", "dramatiq.worker", "dramatiq.broker")


def configure(settings: Settings, *, process: str) -> None:
    """Set logging up for this process (``api``, ``worker``, ``scheduler``, …); call once."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(process),
        mask_sensitive,
        structlog.processors.ExceptionRenderer(_traceback),
    ]
    render = _json_line if settings.environment is Environment.PRODUCTION else _readable_line
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", _outlet())),
        cache_logger_on_first_use=True,
    )
    _configure_libraries(level, shared, render)


def get_logger(name: str) -> FilteringBoundLogger:
    """The logger of a module: ``get_logger(__name__)``."""
    logger: FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


def log_each(
    logger: FilteringBoundLogger, event: str, rows: Iterable[Mapping[str, object]]
) -> None:
    """One ``info`` line for each of ``rows``, all rendered and written at once.

    What the lines share (time, level, bound context) is made once: a thousand lines cost what a
    few dozen cost alone. ``rows`` are not masked and must hold no secret. Only after ``configure``.
    """
    if not logger.is_enabled_for(logging.INFO):
        return
    *shared, render = structlog.get_config()["processors"]
    common: MutableMapping[str, Any] = {**structlog.get_context(logger), "event": event}
    for processor in shared:
        common = processor(logger, "info", common)
    lines = b"".join(render(logger, "info", {**common, **row}) + b"\n" for row in rows)
    _outlet().write(lines)


def describe(error: BaseException) -> str:
    """An error in one line, with nothing in it of the rows and values that it is about.

    Of a database's error: its class, its SQLSTATE and the server's message, never the DETAIL (the
    row), the parameters, or the message of a data exception (class 22, which quotes the value). Of
    pydantic's: which fields were wrong in which way, not what was in them.
    """
    if isinstance(error, ValidationError):
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        fields = ", ".join(f"{'.'.join(map(str, x['loc']))} ({x['type']})" for x in wrong)
        return f"ValidationError: {error.title}: {fields}"[:MAX_DESCRIPTION]
    if isinstance(error, BaseExceptionGroup):
        parts = "; ".join(map(describe, error.exceptions))
        return f"{type(error).__name__}: {error.message}: {parts}"[:MAX_DESCRIPTION]
    if not _is_databases(error):
        return " ".join(repr(error).split())[:MAX_DESCRIPTION]
    cause = error
    while True:
        deeper = getattr(cause, "orig", None) or cause.__cause__
        if deeper is None or not _is_databases(deeper):
            break
        cause = deeper
    state = getattr(cause, "sqlstate", None)
    name = type(cause).__name__ + (f"({state})" if state else "")
    if hasattr(cause, "statement"):  # SQLAlchemy's own, about what it could not even send
        return f"{name}: {type(deeper).__name__}"
    if str(state).startswith(DATA_EXCEPTION_CLASS) or not cause.args:
        return name
    return f"{name}: {' '.join(str(cause.args[0]).split())}"[:MAX_DESCRIPTION]


def _is_databases(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in DATABASE_LIBRARIES


def bind(**context: object) -> AbstractContextManager[object]:
    """Put ``context`` on every line logged inside the ``with`` block, in this task only."""
    return structlog.contextvars.bound_contextvars(**context)


def mask_sensitive(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace the value of every key that names a secret, at any depth of mappings and lists."""
    return _masked(event)


def _masked(fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in fields.items():
        if _is_sensitive(name):
            fields[name] = MASK
        else:
            fields[name] = _masked_inside(value)
    return fields


def _masked_inside(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _masked(dict(value))
    if isinstance(value, list):
        return [_masked_inside(item) for item in value]
    return value


@lru_cache(maxsize=1024)
def _is_sensitive(name: str) -> bool:
    lowered = str(name).lower()
    return any(sensitive in lowered for sensitive in SENSITIVE_NAMES)


def _traceback(exc_info: ExcInfo) -> str:
    return "\n".join(_told(exc_info[1], set()))


def _told(error: BaseException, told: set[int]) -> list[str]:
    """The lines of a traceback, causes first, each error as ``describe`` tells it."""
    told.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = []
    if cause is not None and id(cause) not in told:
        how = "caused" if error.__cause__ else "was being handled when there came"
        lines += [*_told(cause, told), "", f"This {how}:", ""]
    lines.append("Traceback (most recent call last):")
    lines += [frame.rstrip("\n") for frame in traceback.format_tb(error.__traceback__)]
    if _is_databases(error) or isinstance(error, ValidationError):
        lines.append(describe(error))
    else:
        lines.append("".join(traceback.format_exception_only(error)).rstrip("\n"))
    for part in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        lines += ["", *("  " + line for line in _told(part, told))]
    return lines


def _configure_libraries(level: int, shared: list[Processor], render: Processor) -> None:
    handler = _OutletHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                render,
                _decoded,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


class _OutletHandler(logging.Handler):
    """Python's logging into the same outlet."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; as ever in Python, a record that cannot be rendered stops nobody."""
        try:
            _outlet().write(self.format(record).encode() + b"\n")
        except Exception:  # noqa: BLE001 - what logging's own handlers do
            self.handleError(record)


@cache
def _outlet() -> Outlet:
    """This process's own standard output: dramatiq puts a pipe to its parent in sys.stdout's place.

    What is dropped there is told in the log's own way, by whoever configured it.
    """
    stream = sys.__stdout__ or sys.stdout
    return Outlet(stream.fileno(), notice=_gap, count=metrics.log_lines_dropped.inc)


def _gap(lines: int) -> bytes:
    """The line that owns up to lines that nobody read in time."""
    *processors, render = structlog.get_config()["processors"]
    event: MutableMapping[str, Any] = {"event": "log_lines_dropped", "lines": lines}
    for processor in processors:
        event = processor(None, "warning", event)
    line: bytes = render(None, "warning", event)
    return line + b"\n"


def _named(process: str) -> Processor:
    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return add


def _json_line(_logger: Any, _method: str, event: EventDict) -> bytes:
    return msgspec.json.encode(dict(event), enc_hook=repr)


def _readable_line(_logger: Any, _method: str, event: EventDict) -> bytes:
    when, level, what = event.pop("timestamp"), event.pop("level"), event.pop("event")
    trace = event.pop("exception", None)
    fields = " ".join(f"{name}={value}" for name, value in event.items() if value is not None)
    line = f"{when[11:23]} {level:<8} {what} {fields}"
    return (f"{line}\n{trace}" if trace else line).encode()


def _decoded(_logger: Any, _method: str, line: Any) -> str:
    text: str = line.decode()
    return text
