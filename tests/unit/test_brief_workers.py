"""A worker of xdist tells less of tests that passed, and all of the others."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.support.brief_workers import NOTHING, brief, says_nothing

When = Literal["setup", "call", "teardown"]


def report(
    when: When, outcome: Literal["passed", "failed", "skipped"], *sections: tuple[str, str]
) -> pytest.TestReport:
    return pytest.TestReport(
        "test_x.py::test_x", ("test_x.py", 1, "test_x"), {}, outcome, None, when, sections, start=0, stop=0
    )


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_set_up_and_tear_down_that_passed_say_nothing(when: When) -> None:
    assert says_nothing(report(when, "passed"))


@pytest.mark.parametrize(
    "told",
    [
        report("call", "passed"),
        report("call", "failed"),
        report("setup", "failed"),
        report("setup", "skipped"),
        report("teardown", "failed"),
        report("teardown", "passed", ("Captured stderr teardown", "a line")),
    ],
)
def test_what_failed_was_skipped_or_left_output_and_the_test_itself_are_told(told: pytest.TestReport) -> None:
    assert not says_nothing(told)


def test_main_process_hears_of_reports_and_of_tests_that_are_done() -> None:
    heard: list[str] = []

    def send(name: str, **_: Any) -> None:
        heard.append(name)

    sendevent = brief(send)
    sendevent("logstart", nodeid="x", location=())
    sendevent("testreport", data={NOTHING: True})
    sendevent("testreport", data={"when": "call"})
    sendevent("logfinish", nodeid="x", location=())
    sendevent("runtest_protocol_complete", item_index=1, duration=1.0)
    sendevent("workerfinished", workeroutput={})

    assert heard == ["testreport", "runtest_protocol_complete", "workerfinished"]
