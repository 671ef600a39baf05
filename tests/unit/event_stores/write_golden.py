"""Stores the samples that have no golden file yet: `python -m tests.unit.event_stores.write_golden`."""

from __future__ import annotations

from access_policy.adapters.event_stores.serde import DOMAIN_SERDE
from tests.unit.event_stores.samples import ENVELOPE, SAMPLES
from tests.unit.event_stores.test_golden import FILES, GOLDEN


def main() -> None:
    for sample in SAMPLES:
        name, state = DOMAIN_SERDE.encode(sample, ENVELOPE)
        if name not in FILES:
            (GOLDEN / f"{name}.json").write_bytes(state)


if __name__ == "__main__":
    main()
