"""The list of decisions (ADRs), by number."""

from __future__ import annotations

from pathlib import Path

_INTRO = """\
# Decisions

Each choice that is hard to undo has a record with its context, its consequences, and the roads not taken.

| number | decision | status |
|---|---|---|
"""


def pages(directory: Path) -> dict[str, str]:
    records = sorted(directory.glob("[0-9]*.md"))
    rows = "".join(_row(each) for each in records)
    names = "\n".join(each.stem for each in records)
    return {"adr/index.md": f"{_INTRO}{rows}\n```{{toctree}}\n:hidden:\n:titlesonly:\n\n{names}\n```\n"}


def _row(record: Path) -> str:
    lines = record.read_text("utf-8").splitlines()
    number, _, title = lines[0].removeprefix("# ").partition(": ")
    status = next(line.removeprefix("Status: ") for line in lines if line.startswith("Status: "))
    return f"| {number} | [{title}]({record.name}) | {status} |\n"
