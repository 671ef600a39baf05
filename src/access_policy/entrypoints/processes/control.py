"""Messages between a child process and its supervisor over a socket pair: one JSON object per line.

The child reports once: either that it serves, or why it cannot. A closed socket means that the other process has ended.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from dataclasses import asdict, dataclass, field

ORPHANED = 70  # exit status (EX_SOFTWARE) of a child whose supervisor has ended


@dataclass(frozen=True, slots=True)
class Report:
    """A child's report: the `ports` in use, by name; or `failure`, which says why a restart does not help."""

    ports: dict[str, int] = field(default_factory=dict)
    failure: str = ""

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Report:
        return cls(**json.loads(line))


class SupervisorChannel:
    """The child's end of the channel. A thread ends the process at once when the supervisor has ended, because an
    orphan would keep the ports and locks that the next child needs. This loses nothing: every answer was durable when
    it was given."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self.has_reported = False
        threading.Thread(target=self._watch, name="supervisor watch", daemon=True).start()

    def report(self, report: Report) -> None:
        self._socket.sendall(report.line())
        self.has_reported = True

    def _watch(self) -> None:
        try:
            while self._socket.recv(64):
                pass
        except OSError:
            pass
        os._exit(ORPHANED)
