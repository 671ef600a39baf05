"""Options of a run, and what a whole run reports at its end."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support import order, pictures
from tests.support.brief_workers import report_briefly
from tests.support.memory_files import memory_directory
from tests.support.octt import document

TOLD = ("steps", "decision table", "answers to schemathesis", "bus outage")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance", metavar="FILE", help="write the table of the compliance test cases that were played"
    )
    parser.addoption("--no-pictures", action="store_true", help="take no pictures of the console's pages for people")
    parser.addoption("--soak", action="store_true", help="run long tests in full, not in CI's short form")


def pytest_configure(config: pytest.Config) -> None:
    pictures.choose(taken=not config.getoption("--no-pictures"))
    if _is_of_unit_tests(config):
        _keep_files_in_memory()


def pytest_sessionstart(session: pytest.Session) -> None:
    plugins = session.config.pluginmanager
    if not plugins.has_plugin("dsession"):  # xdist's, in the process that only starts the workers
        plugins.import_plugin("tests.support.running")
    report_briefly(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For `-n auto`: a worker for each core, and two more for tests that wait for processes and databases."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if _is_of_unit_tests(config) else cores + 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `--dist loadscope`."""
    return order.GroupScheduling(config, log) if config.getoption("dist") == "loadscope" else None


def _is_of_unit_tests(config: pytest.Config) -> bool:
    return all(Path(argument).is_relative_to("tests/unit") for argument in config.args)


def _keep_files_in_memory() -> None:
    """Temporary files of this process and its workers."""
    if (memory := memory_directory()) is not None:
        os.environ["TMPDIR"] = tempfile.tempdir = str(memory)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How often each row of the decision table was come to and by how many steps; what schemathesis was answered; what
    became of events while the bus was away."""
    told: dict[str, Counter[str]] = {name: Counter() for name in TOLD}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name in told:
                told[name].update(value)
    for name, counts in told.items():
        if counts:
            terminalreporter.section(f"{name}: {counts.total():,}")
            terminalreporter.write_line(", ".join(f"{what} {n:,}" for what, n in sorted(counts.items())))
    if (file := config.getoption("--conformance")) is not None:
        Path(file).write_text(document(_played(terminalreporter)), "utf-8")


def _played(terminalreporter: Any) -> dict[str, bool]:
    """Of each compliance test case that was played, whether a test of it did not pass."""
    failed: dict[str, bool] = {}
    for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, case in getattr(report, "user_properties", ()):
                if name == "octt":
                    failed[case] = failed.get(case, False) or outcome != "passed"
    return failed
