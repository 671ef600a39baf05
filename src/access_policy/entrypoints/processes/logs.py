"""The log of a process: JSON for machines, a readable line for a terminal; times are UTC.

Log records of the service and of libraries (the standard library's logging) are formatted in the same way. Every line
logged in their context has the fields of `application.log_fields` (request, tenant, charger, attempt).
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import structlog
from structlog.typing import Processor

from access_policy.application.log_fields import log_fields
from access_policy.settings import LogFormat, Settings

NOISY: Final = ("websockets", "uvicorn", "asyncio", "botocore", "aiobotocore", "alembic", "httpx", "httpcore")


def configure_logs(settings: Settings, *, process: str, quiet: bool = False) -> None:
    """Configure the log. `process` names this process on each line. `quiet` shows only errors, unless the settings say
    otherwise."""
    level = "ERROR" if quiet and settings.log_level == "INFO" else settings.log_level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(process, as_json=_is_json(settings.log_format)))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel("ERROR" if quiet else "WARNING")


def formatter(process: str, *, as_json: bool) -> logging.Formatter:
    def add_fields(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.update({"process": process, **log_fields()})
        return event

    of_each_record: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        add_fields,
    ]
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if as_json:
        rendering: list[Processor] = [
            drop_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    else:
        rendering = [drop_meta, _pretty(colours=sys.stderr.isatty())]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=of_each_record, processors=rendering)


def _is_json(wanted: LogFormat) -> bool:
    return wanted is LogFormat.JSON or (wanted is LogFormat.AUTO and not sys.stderr.isatty())


def _pretty(*, colours: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=colours, timestamp_key="time", pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )
