"""The demo depot and a large one, each in a separate process, as tables."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any

from access_policy.entrypoints.demo.fleet import CHARGERS as DEMO_CHARGERS

LIMIT_MS = 100.0
CHARGERS, VEHICLES = 2_000, 50_000
DEMO_VEHICLES = 20
RUNS = 3

Measured = dict[str, dict[str, dict[str, Any]]]


def measure(*, chargers: int = CHARGERS, vehicles: int = VEHICLES, runs: int = RUNS) -> dict[str, Measured]:
    return {
        "demo": _depot("demo", len(DEMO_CHARGERS), DEMO_VEHICLES, runs),
        "large": _depot("large", chargers, vehicles, runs),
    }


def _depot(kind: str, chargers: int, vehicles: int, runs: int) -> Measured:
    with tempfile.TemporaryDirectory() as directory:
        arguments = [kind, directory, str(chargers), str(vehicles), str(runs)]
        command = [sys.executable, "-m", "benchmarks.loop.measure", *arguments]
        found: Measured = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def show(found: dict[str, Measured]) -> None:
    """Print the tables, longest first: by the clock, and by the processor time of the loop's thread."""
    for group in found["large"]:
        print(f"| {group} | demo ms | its CPU ms | large ms | its CPU ms | in |\n|---|---:|---:|---:|---:|---|")
        demo, large = found["demo"].get(group, {}), found["large"][group]
        for name in sorted({**demo, **large}, key=lambda name: -large.get(name, _NONE)["wall_ms"]):
            small, big = demo.get(name, _NONE), large.get(name, _NONE)
            figures = " | ".join(f"{each[part]:.1f}" for each in (small, big) for part in ("wall_ms", "cpu_ms"))
            print(f"| {name} | {figures} | {big['doing'] if big['wall_ms'] > LIMIT_MS else ''} |")
        print()
    over = sorted(
        f"{kind}: {group}: {name}: {each['wall_ms']:.0f} ms"
        for kind, groups in found.items()
        for group, rows in groups.items()
        for name, each in rows.items()
        if each["wall_ms"] > LIMIT_MS
    )
    print(f"Above {LIMIT_MS:.0f} ms: {len(over)}", *over, sep="\n  ")
    print()


_NONE: dict[str, Any] = {"wall_ms": 0.0, "cpu_ms": 0.0, "doing": ""}
