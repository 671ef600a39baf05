"""Runs the gateway and the office as child processes: starts both, restarts one that has crashed, and stops both in
order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from access_policy.application.backoff import Backoff
from access_policy.entrypoints.processes.control import Report
from access_policy.entrypoints.processes.failures import CannotRun
from access_policy.entrypoints.processes.parts import PartName

log = logging.getLogger(__name__)

RESTART_FIRST_S: Final = 0.5
RESTART_LONGEST_S: Final = 30.0
STEADY_S: Final = 60.0  # after a child has served this long, the backoff starts anew
STARTS_MAX: Final = 3  # of a child that has never served and does not say why
STOP_S: Final = 20.0  # in addition to draining the chargers' connections, before a child is killed
STOP_UNREADY_S: Final = 2.0  # for a child that does not serve yet and has nothing to drain

Ports = Mapping[str, int]


class _Child:
    """One run of a child process. `report` is the child's report on its start."""

    def __init__(self, name: PartName, process: asyncio.subprocess.Process, reader: asyncio.StreamReader) -> None:
        self.name = name
        self.process = process
        self.report: Report | None = None
        self._reader = reader

    @classmethod
    async def start(cls, name: PartName, environment: Mapping[str, str]) -> _Child:
        ours, theirs = socket.socketpair()
        command = (sys.executable, "-m", "access_policy.entrypoints.processes.child", name, str(theirs.fileno()))
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                pass_fds=(theirs.fileno(),),
                process_group=0,  # Ctrl-C reaches only the supervisor
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        child = cls(name, process, reader)
        child._writer = writer  # kept open: when it closes, the child knows that the supervisor has ended
        return child

    @property
    def has_served(self) -> bool:
        return self.report is not None and not self.report.failure

    async def reported(self) -> Report | None:
        """Return the child's report; None if it ended without one."""
        line = await self._reader.readline()
        self.report = Report.of(line) if line.endswith(b"\n") else None
        return self.report

    async def ended(self) -> int:
        status = await self.process.wait()
        self._writer.close()
        return status

    async def stop(self, within_s: float) -> None:
        """Send SIGTERM, and SIGKILL if the child has not ended in time."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(within_s):
                await self.process.wait()
        except TimeoutError:
            log.error("the %s process did not stop within %.0f s; killing it", self.name, within_s)
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    _writer: asyncio.StreamWriter


class Supervisor:
    """Supervises both processes. `environment` is the children's environment; `drain_s` is how long the gateway takes
    to close the connections of chargers."""

    def __init__(self, environment: Mapping[str, str], *, drain_s: float) -> None:
        self._environment = dict(environment)
        self._drain_s = drain_s
        self._children: dict[PartName, _Child] = {}
        self._ports: dict[str, int] = {}
        self._serving: set[PartName] = set()  # parts that have served since the start
        self._all_serving = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self, on_ready: Callable[[Ports], Awaitable[None]]) -> bool:
        """Supervise until SIGTERM, SIGINT or `stop`; return True if both children then ended with success.

        `on_ready` is called once, when both serve. Raises `CannotRun` if a child cannot start for a reason that a
        restart does not fix.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        keeping = [asyncio.create_task(self._keep(name), name=name) for name in PartName]
        announcing = asyncio.create_task(self._announce(on_ready))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([stopping, *keeping], return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            announcing.cancel()
            await self._stop_children()
            for failed in await asyncio.gather(*keeping, return_exceptions=True):
                if isinstance(failed, BaseException):
                    raise failed
        finally:
            stopping.cancel()
            self._kill_all()
        return all(child.process.returncode == 0 for child in self._children.values() if child.has_served)

    async def _announce(self, on_ready: Callable[[Ports], Awaitable[None]]) -> None:
        await self._all_serving.wait()
        await on_ready(self._ports)

    async def _keep(self, name: PartName) -> None:
        """Keep the child running until the supervisor stops. Raises `CannotRun`."""
        backoff = Backoff(RESTART_FIRST_S, RESTART_LONGEST_S, shortest_s=RESTART_FIRST_S / 5)
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            child = self._children[name] = await _Child.start(name, self._environment)
            if self._stopping.is_set():  # while the child was being started
                await child.stop(STOP_UNREADY_S)
                return
            began = loop.time()
            await self._note_report(child)
            status = await child.ended()
            if self._stopping.is_set():
                return
            self._give_up_if_hopeless(child, backoff.failures + 1, status)
            if loop.time() - began >= STEADY_S:
                backoff.reset()
            delay_s = backoff.next_s()
            log.error("the %s process ended (%s); restarting it in %.1f s", name, _reason(child, status), delay_s)
            await self._rest(delay_s)

    async def _note_report(self, child: _Child) -> None:
        report = await child.reported()
        if report is not None and child.has_served:
            self._serving.add(child.name)
            self._ports.update(report.ports)
            if len(self._serving) == len(PartName):
                self._all_serving.set()

    def _give_up_if_hopeless(self, child: _Child, failures: int, status: int) -> None:
        if child.name in self._serving:
            return  # it has served, so the settings are right: a store or a port is temporarily unavailable
        if child.report is not None:
            raise CannotRun(child.report.failure)
        if failures >= STARTS_MAX:
            raise CannotRun(f"The {child.name} process ended {failures} times before it served ({_status(status)}).")

    async def _rest(self, span_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(span_s):
                await self._stopping.wait()

    async def _stop_children(self) -> None:
        """Stop the gateway first: while it closes the chargers' connections, the office still responds and shows that
        the service is stopping."""
        for name in (PartName.GATEWAY, PartName.OFFICE):
            child = self._children.get(name)
            if child is not None and child.process.returncode is None:
                await child.stop(STOP_S + self._drain_s if child.has_served else STOP_UNREADY_S)

    def _kill_all(self) -> None:
        for child in self._children.values():
            if child.process.returncode is None:
                child.process.kill()


def environment_of(flags: Mapping[str, object]) -> dict[str, str]:
    """Return the children's environment: this process's own, overridden by the command line's flags."""
    given = {f"ACCESS_POLICY_{name.upper()}": str(value) for name, value in flags.items() if value is not None}
    return {**os.environ, **given}


def _reason(child: _Child, status: int) -> str:
    return child.report.failure if child.report is not None and child.report.failure else _status(status)


def _status(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
