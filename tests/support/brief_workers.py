"""What a worker of xdist tells of a test that passed: its report, and that it is done.

xdist sends six messages for each test: that it begins and ends, what became of its set-up, of itself and of its tear-down, and
that the next one may begin. For a test of a millisecond this takes both processes longer than the test. What did not pass is
told in full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

UNTOLD: Final = ("logstart", "logfinish")
TOLD_IN_FULL_FOR: Final = ("durations", "xmlpath")
NOTHING: Final = "nothing"


def tell_briefly(config: pytest.Config) -> None:
    """Do so from now on, if this process is a worker and no option asks for the rest."""
    interactor = next((each for each in config.pluginmanager.get_plugins() if _is_interactor(each)), None)
    if interactor is not None and all(config.getoption(each, None) is None for each in TOLD_IN_FULL_FOR):
        config.pluginmanager.register(_BriefReports())
        interactor.sendevent = brief(interactor.sendevent)


def brief(send: Callable[..., None]) -> Callable[..., None]:
    """`send` for what the main process needs."""

    def sendevent(name: str, **said: Any) -> None:
        if name not in UNTOLD and NOTHING not in said.get("data", ()):
            send(name, **said)

    return sendevent


def says_nothing(report: object) -> bool:
    """Whether the report is of a set-up or tear-down that passed and left nothing to show."""
    return isinstance(report, pytest.TestReport) and report.when != "call" and report.passed and not report.sections


class _BriefReports:
    @pytest.hookimpl(tryfirst=True)
    def pytest_report_to_serializable(self, report: object) -> dict[str, Any] | None:
        return {NOTHING: True} if says_nothing(report) else None


def _is_interactor(plugin: object) -> bool:
    return type(plugin).__name__ == "WorkerInteractor"
