"""Start programs as forks of a template (`tests/support/forks/template.py`)."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Sequence
from typing import Final

from tests.support.forks.template import Request

_PR_SET_CHILD_SUBREAPER: Final = 36


class Template:
    """The way to a template. Usable by all threads of this process, and not by forks of it. `close` ends the template."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._lock = threading.Lock()

    def close(self) -> None:
        self._channel.close()

    def start(self, request: Request, descriptors: Sequence[int]) -> int:
        """The process id of a fork that runs the program and is a child of this process."""
        with self._lock:
            _adopt_orphans(True)
            try:
                socket.send_fds(self._channel, [request.encoded()], list(descriptors))
                answer = self._channel.recv(32)
            finally:
                _adopt_orphans(False)
        if not answer:
            raise RuntimeError("the process that is forked has ended")
        return int(answer)


def _adopt_orphans(adopt: bool) -> None:
    """Whether a process whose parent ends becomes a child of this one, if it descends from it."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
