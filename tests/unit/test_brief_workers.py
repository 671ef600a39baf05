"""A worker of xdist sends fewer messages for tests that passed, and all messages for the others."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.support.brief_workers import EMPTY, brief, is_empty

When = Literal["setup", "call", "teardown"]


def report(
    when: When, outcome: Literal["passed", "failed", "skipped"], *sections: tuple[str, str]
) -> pytest.TestReport:
    return pytest.TestReport(
        "test_x.py::test_x", ("test_x.py", 1, "test_x"), {}, outcome, None, when, sections, start=0, stop=0
    )


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_reports_of_set_up_and_tear_down_that_passed_are_empty(when: When) -> None:
    assert is_empty(report(when, "passed"))


@pytest.mark.parametrize(
    "shown",
    [
        report("call", "passed"),
        report("call", "failed"),
        report("setup", "failed"),
        report("setup", "skipped"),
        report("teardown", "failed"),
        report("teardown", "passed", ("Captured stderr teardown", "a line")),
    ],
)
def test_reports_of_calls_of_failures_of_skips_and_with_output_are_not_empty(shown: pytest.TestReport) -> None:
    assert not is_empty(shown)


def test_main_process_gets_reports_and_which_tests_are_done() -> None:
    received: list[str] = []

    def send(name: str, **_: Any) -> None:
        received.append(name)

    sendevent = brief(send)
    sendevent("logstart", nodeid="x", location=())
    sendevent("testreport", data={EMPTY: True})
    sendevent("testreport", data={"when": "call"})
    sendevent("logfinish", nodeid="x", location=())
    sendevent("runtest_protocol_complete", item_index=1, duration=1.0)
    sendevent("workerfinished", workeroutput={})

    assert received == ["testreport", "runtest_protocol_complete", "workerfinished"]
