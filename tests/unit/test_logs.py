"""Log lines: one JSON object for machines, one readable line for people; both with UTC times."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from access_policy.application.log_fields import with_log_fields
from access_policy.entrypoints.processes.logs import formatter


def record(message: str, *arguments: Any, failure: BaseException | None = None) -> logging.LogRecord:
    info = None if failure is None else (type(failure), failure, failure.__traceback__)
    return logging.LogRecord("access_policy.x", logging.WARNING, __file__, 1, message, arguments, info)


def test_json_line_has_time_level_event_process_and_the_bound_fields() -> None:
    with with_log_fields(tenant="acme", charger="bay-1", request_id="r-1"):
        line = formatter("gateway", as_json=True).format(record("charger %s moved", "bay-1"))

    logged = json.loads(line)
    at = datetime.fromisoformat(logged.pop("time"))
    assert at.utcoffset() == timedelta(0)
    assert logged == {
        "level": "warning",
        "logger": "access_policy.x",
        "event": "charger bay-1 moved",
        "process": "gateway",
        "tenant": "acme",
        "charger": "bay-1",
        "request_id": "r-1",
    }


def test_json_line_of_a_failure_is_one_line_with_its_traceback() -> None:
    try:
        raise ValueError("broken")
    except ValueError as failure:
        line = formatter("office", as_json=True).format(record("failed", failure=failure))

    assert "\n" not in line
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_pretty_line_has_a_utc_time_and_the_bound_fields() -> None:
    with with_log_fields(charger="bay-1"):
        line = formatter("gateway", as_json=False).format(record("hello"))

    assert "Z" in line.split()[0]
    assert "hello" in line
    assert "charger=bay-1" in line
    assert "process=gateway" in line
