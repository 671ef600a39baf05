"""What the whole run has to tell at its end."""

from __future__ import annotations

from collections import Counter
from typing import Any

TOLD = ("steps", "decision table", "answers to schemathesis")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How often each row of the decision table was come to and by how many steps; what schemathesis was answered."""
    told: dict[str, Counter[str]] = {name: Counter() for name in TOLD}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name in told:
                told[name].update(value)
    for name, counts in told.items():
        if counts:
            terminalreporter.section(f"{name}: {counts.total():,}")
            terminalreporter.write_line(", ".join(f"{what} {n:,}" for what, n in sorted(counts.items())))
