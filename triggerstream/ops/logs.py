"""Logs: one JSON object a line on stderr (or readable lines on a terminal), for every process.

At ``info`` and above no line holds a customer's data: the fields that would are withheld here,
whoever logs them. Libraries' own lines take the same form, and only those count that say that
something is wrong.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from triggerstream.ops.client_noise import PassingErrors

QUIET = ("mail.log", "aiokafka", "faust", "mode", "asyncio", "kafka", "rocksdict")
"""Libraries that are heard from ``warning`` on; where everything is logged from ``info`` on, since
below that aiokafka says a line for every request."""
WITHHELD = frozenset(
    {
        *("customer", "customer_id", "key", "value", "profile", "address", "email", "phone"),
        "subject",  # a template, filled in
    }
)
"""Fields that hold a customer's data."""


_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)  # locals hold customers
)


def configure_logs(
    level: Literal["debug", "info", "warning", "error"] = "info",
    form: Literal["auto", "json", "console"] = "auto",
    stream: TextIO | None = None,
    *,
    libraries: int = logging.WARNING,
) -> None:
    """Send all logs of this process to *stream* (stderr if ``None``), from *level* on.

    Call once, before anything logs; call again after a library has set up logging of its own.

    Args:
        libraries: From which level on client libraries are heard. What passes by itself is not
            told at all (`PassingErrors`). A command that ends says itself what it met.
    """
    out = sys.stderr if stream is None else stream
    on_terminal = form == "console" or (form == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if level != "debug":
        shared.append(withhold)
    renderer: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if on_terminal
        else [_TRACEBACKS, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    if level != "debug":
        handler.addFilter(PassingErrors())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    floor = logging.INFO if level == "debug" else libraries
    for name in QUIET:
        logging.getLogger(name).setLevel(max(floor, root.level))


def withhold(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Replace each field that holds a customer's data by how much of it there was."""
    for name in WITHHELD & line.keys():
        line[name] = f"withheld ({_size(line[name])})"
    return line


def _size(value: Any) -> str:
    return f"{len(value)} long" if isinstance(value, str | bytes | dict | list) else "1 value"
