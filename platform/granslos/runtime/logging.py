"""Logs: one canonical line per command, key and value, and never anything about a person.

JSON, one object a line, on stdout; on a terminal the same as ``key=value``. Libraries that use the standard library's
logging come out the same way, through the same masks. Warning: may heal itself. Error: a person must act.
"""

import contextlib
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from granslos.contract.person import Personal
from granslos.runtime import limits, metrics
from granslos.runtime.masks import MASK, mask_credentials, mask_personal

PERSONAL_KEYS = frozenset(
    "address authorization body caller caller_name caller_number description dsn msisdn national_id password patient "
    "payload personnummer phone phone_number secret text token".split()
)
"""Keys whose values are never written, whatever they hold."""

_QUIET_LIBRARIES = ("alembic", "httpcore", "httpx", "nats", "uvicorn", "uvicorn.access", "uvicorn.error")


def configure(site: str, *, stream: TextIO | None = None, level: int = logging.INFO, terminal: bool | None = None) -> None:
    """Set up the logs of this process; call once, first thing.

    Args:
        site: this site's code, on every line.
        stream: where the lines go; stdout by default.
        level: the least severe level written.
        terminal: write for a person; by default, whether the stream is a terminal.
    """
    stream = sys.stdout if stream is None else stream
    for_person = stream.isatty() if terminal is None else terminal
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask,
    ]
    renderer = _for_person if for_person else _as_json
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:2], structlog.stdlib.add_logger_name, *shared[2:]],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _QUIET_LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(site=site)


@contextlib.contextmanager
def command_line(command: str, command_id: str) -> Iterator[dict[str, Any]]:
    """Write the canonical line of one command when the block ends, however it ends.

    Whatever else the block logs carries ``command_id`` too. Add keys to the dictionary as they become known:
    ``outcome``, ``incident_id``, ``durability``, ``position``.

    Args:
        command: the command's type, e.g. ``OpenIncident``.
        command_id: chosen by the sender.
    """
    line: dict[str, Any] = {"command": command}
    started = time.monotonic()
    with structlog.contextvars.bound_contextvars(command_id=command_id):
        try:
            yield line
        except BaseException as error:
            line["outcome"] = type(error).__name__
            raise
        finally:
            line["seconds"] = round(time.monotonic() - started, 6)
            structlog.get_logger("granslos.command").info("command", **line)


def mask(logger: Any, method: str, event: EventDict) -> EventDict:
    """Replace what must not be written (a structlog processor): personal types, keys and patterns, and credentials."""
    for key, value in event.items():
        if key in PERSONAL_KEYS and value not in (None, ""):
            metrics.MASKED_VALUES.inc()
            event[key] = MASK
        else:
            event[key] = _masked(value, limits.LOG_DEPTH_LEVELS_MAX)
    return event


def _masked(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _masked_text(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        # A personnummer may come as a number.
        return value if mask_personal(str(value)) == str(value) else _counted()
    if isinstance(value, Personal):
        return _counted()
    if depth > 0 and isinstance(value, Mapping):
        return {str(k): _counted() if k in PERSONAL_KEYS else _masked(v, depth - 1) for k, v in value.items()}
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return [_masked(item, depth - 1) for item in value]
    if isinstance(value, Mapping | list | tuple | set | frozenset | msgspec.Struct):
        # A struct's repr would show its plain strings, which may be what a caller said.
        return f"<{type(value).__name__}>"
    return _masked_text(str(value))


def _masked_text(text: str) -> str:
    if len(text) > limits.LOG_TEXT_CHARACTERS_MAX:
        text = text[: limits.LOG_TEXT_CHARACTERS_MAX] + "…"
    text = mask_credentials(text)
    masked = mask_personal(text)
    if masked != text:
        metrics.MASKED_VALUES.inc()
    return masked


def _counted() -> str:
    metrics.MASKED_VALUES.inc()
    return MASK


def _as_json(logger: Any, method: str, event: EventDict) -> str:
    rendered: str = msgspec.json.encode(event).decode()
    # WriteLogger adds the line's end; the standard library's handler does too.
    return rendered


def _for_person(logger: Any, method: str, event: EventDict) -> str:
    head = f"{event.pop('timestamp', '')} {event.pop('level', ''):<7} {event.pop('event', '')}"
    trace = event.pop("exception", None)
    pairs = "".join(f" {key}={value}" for key, value in event.items())
    return f"{head}{pairs}" + (f"\n{trace}" if trace else "")
