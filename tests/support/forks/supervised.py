"""For a supervisor that is a fork itself: its children are forks too."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

from tests.support.forks.starting import Template
from tests.support.forks.template import Request


def fork_children(channel: socket.socket) -> None:
    """Let `asyncio.create_subprocess_exec` ask the template behind the socket for the supervisor's children."""
    template = Template(channel)
    start_anew = asyncio.create_subprocess_exec

    async def start(*command: str, env: Mapping[str, str], pass_fds: Sequence[int], process_group: int) -> Child:
        request = Request(command[2], command[3:], dict(env), os.getcwd(), (0, 1, 2, *pass_fds), process_group)
        return Child(template.start(request, [0, 1, 2, *pass_fds]))

    async def start_either(*command: str, **options: object) -> object:
        if command[:3] == (sys.executable, "-m", "access_policy.entrypoints.processes.child"):
            return await start(*command, **options)  # type: ignore[arg-type]
        return await start_anew(*command, **options)  # type: ignore[arg-type]

    asyncio.create_subprocess_exec = start_either  # type: ignore[assignment]


class Child:
    """The methods of `asyncio.subprocess.Process` that the supervisor calls."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()
        self._descriptor = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._descriptor, self._note_end)

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def _note_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()
