"""Ids of events: no two events of any process have the same."""

from __future__ import annotations

import subprocess
import sys

FORKED = """
import os
from access_policy.application.context import new_id

reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, "".join(new_id() for _ in range(3)).encode())
    os._exit(0)
os.wait()
print(os.read(reading, 1_000).decode())
print("".join(new_id() for _ in range(3)))
"""


def test_process_gives_out_other_ids_than_the_one_it_was_forked_from() -> None:
    forked = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)

    ids = [line[start : start + 32] for line in forked.stdout.split() for start in (0, 32, 64)]
    assert len(set(ids)) == 6, ids
