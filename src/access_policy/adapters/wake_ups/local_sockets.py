"""Wake-ups between processes of one machine: each process has a unix datagram socket, all in one directory.

A datagram contains the types of events, one per line. If a socket is full or has no receiver, the datagram is lost: the process
then polls, or has ended.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from access_policy.adapters.local_files.sockets import bound_socket, socket_address
from access_policy.adapters.wake_ups.coalescing import CoalescedWakeUps

log = logging.getLogger(__name__)

SUFFIX: Final = ".sock"
DATAGRAM_MAX: Final = 64 * 1024  # bytes
LISTED_FOR_S: Final = 1.0  # a new process polls once, and is then among those that are woken
OF_THE_UNNAMED: Final = "_"  # not a valid name of an instance


class LocalWakeUps:
    """Implements `WakeUps`. `name` is the name of the process's instance, unique in the directory."""

    def __init__(self, directory: Path, name: str, *, urgent: Collection[str]) -> None:
        self._directory = directory
        self._own = directory / f"{name or OF_THE_UNNAMED}{SUFFIX}"
        self._coalesced = CoalescedWakeUps(self._send, urgent)
        self._listeners: list[Callable[[frozenset[str]], None]] = []
        self._socket: socket.socket | None = None
        self._others: list[Path] = []
        self._listed_at = float("-inf")

    def appended(self, types: frozenset[str]) -> None:
        if self._socket is not None:
            self._coalesced.add(types)

    def listen(self, woken: Callable[[frozenset[str]], None]) -> None:
        self._listeners.append(woken)

    async def run(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        receiving = bound_socket(self._own, socket.SOCK_DGRAM)
        loop = asyncio.get_running_loop()
        loop.add_reader(receiving.fileno(), self._receive, receiving)
        self._socket = receiving
        try:
            await loop.create_future()
        finally:
            self._socket = None
            self._coalesced.close()
            loop.remove_reader(receiving.fileno())
            receiving.close()
            self._own.unlink(missing_ok=True)

    def _send(self, types: frozenset[str]) -> None:
        if self._socket is None:
            return
        payload = "\n".join(types).encode()
        for other in self._other_sockets():
            try:
                with socket_address(other) as address:
                    self._socket.sendto(payload, address)
            except OSError:
                pass  # its process has ended, or is behind and polls

    def _other_sockets(self) -> list[Path]:
        now = asyncio.get_running_loop().time()
        if now - self._listed_at >= LISTED_FOR_S:
            self._listed_at = now
            self._others = [found for found in self._directory.glob(f"*{SUFFIX}") if found != self._own]
        return self._others

    def _receive(self, receiving: socket.socket) -> None:
        while True:
            try:
                payload = receiving.recv(DATAGRAM_MAX)
            except BlockingIOError:
                return
            types = frozenset(payload.decode(errors="replace").split("\n"))
            for listener in self._listeners:
                listener(types)
