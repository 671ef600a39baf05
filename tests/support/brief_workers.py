"""Fewer messages from xdist's workers: for a test that passed, only its report and that it is done.

xdist sends six messages for each test: when it starts and finishes, the reports of its set-up, its call and its tear-down, and
that the next test may start. For a test of a millisecond, these messages take both processes longer than the test does. Tests
that fail or are skipped are reported in full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

OMITTED_EVENTS: Final = ("logstart", "logfinish")
OPTIONS_THAT_NEED_ALL: Final = ("durations", "xmlpath")
EMPTY: Final = "empty"


def report_briefly(config: pytest.Config) -> None:
    """Send fewer messages from now on, if this process is a worker and no option needs all of them."""
    interactor = next((each for each in config.pluginmanager.get_plugins() if _is_interactor(each)), None)
    if interactor is not None and all(config.getoption(each, None) is None for each in OPTIONS_THAT_NEED_ALL):
        config.pluginmanager.register(_BriefReports())
        interactor.sendevent = brief(interactor.sendevent)


def brief(send: Callable[..., None]) -> Callable[..., None]:
    """Return a function that passes only the events that the main process needs to `send`."""

    def sendevent(name: str, **arguments: Any) -> None:
        if name not in OMITTED_EVENTS and EMPTY not in arguments.get("data", ()):
            send(name, **arguments)

    return sendevent


def is_empty(report: object) -> bool:
    """Return whether the report is of a set-up or tear-down that passed without output."""
    return isinstance(report, pytest.TestReport) and report.when != "call" and report.passed and not report.sections


class _BriefReports:
    @pytest.hookimpl(tryfirst=True)
    def pytest_report_to_serializable(self, report: object) -> dict[str, Any] | None:
        return {EMPTY: True} if is_empty(report) else None


def _is_interactor(plugin: object) -> bool:
    return type(plugin).__name__ == "WorkerInteractor"
