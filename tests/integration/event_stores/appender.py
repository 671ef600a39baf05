"""Appends to an SQLite store for ever and prints each number once it is acknowledged; a test kills it or starves it.

`python -m tests.integration.event_stores.appender FILE RUN [file-size limit in bytes]`: with a limit, the first refused
append lifts it, so that the disk is no longer full, and ten more are appended.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from access_policy.adapters.event_stores.sqlite import sqlite_event_store
from access_policy.application.ports.event_store import StoreUnavailable
from tests.support.stores import notes

AT_ONCE = 8
PAD = "." * 500


async def append_for_ever(file: Path, run: str) -> None:
    store = sqlite_event_store(file)
    numbers = iter(range(10**9))

    async def append_one_after_the_other() -> None:
        for n in numbers:
            await store.append([notes(f"acme/run/{run}-{n}", [f"{run}-{n}", PAD])])
            say("acked", f"{run}-{n}")

    await asyncio.gather(*(append_one_after_the_other() for _ in range(AT_ONCE)))


async def append_until_full(file: Path, run: str, limit: int) -> None:
    store = sqlite_event_store(file)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    n, refused, after = 0, 0, 0
    while after < 10:
        name = f"{run}-{n}"
        try:
            await store.append([notes(f"acme/run/{name}", [name, PAD])])
        except StoreUnavailable:
            refused += 1
            if refused == 3:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            say("refused", name)
        else:
            after += refused >= 3
            say("acked", name)
        n += 1
    await store.close()


def say(outcome: str, name: str) -> None:
    sys.stdout.write(f"{outcome} {name}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    path, run_name, *limits = sys.argv[1:]
    if limits:
        asyncio.run(append_until_full(Path(path), run_name, int(limits[0])))
    else:
        asyncio.run(append_for_ever(Path(path), run_name))
