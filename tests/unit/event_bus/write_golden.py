"""Stores the schemas that have no golden file yet: `python -m tests.unit.event_bus.write_golden`."""

from __future__ import annotations

import json

from tests.unit.event_bus.test_documents import GOLDEN, NOW, RELEASED


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, schema in NOW.items():
        if name not in RELEASED:
            (GOLDEN / name).write_text(json.dumps(schema, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
