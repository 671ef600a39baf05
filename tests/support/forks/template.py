"""The process that is forked: `python -m tests.support.forks.template DESCRIPTOR`, with a socket on which requests come."""

from __future__ import annotations

import array
import atexit
import gc
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from runpy import run_module
from typing import Final, NoReturn

from tests.support.shared_routes import analyse_routes

PRELOADED: Final = (
    "access_policy.entrypoints.cli.root",
    "access_policy.container",
    "access_policy.entrypoints.http.app",
    "access_policy.entrypoints.processes.service",
    "access_policy.entrypoints.processes.supervisor",
    # and what they import when they need it
    "access_policy.entrypoints.cli.installation",
    "access_policy.entrypoints.cli.running",
    "access_policy.entrypoints.http.live",
    "access_policy.entrypoints.http.warming",
    "access_policy.entrypoints.processes.logs",
    "access_policy.entrypoints.processes.one_time_links",
    "aiobotocore.session",
    "alembic.command",
    "anyio._backends._asyncio",
    "encodings.idna",
    "rich.traceback",
    "segno",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.protocols.websockets.auto",
    "uvloop",
)
SIZE_MAX: Final = 1 << 20
DESCRIPTORS_MAX: Final = 64
_ABOVE: Final = 1_000  # descriptors that arrived are kept above this number until each has its own


@dataclass(frozen=True)
class Request:
    """`descriptors` are the numbers that the program knows its open files by: of each that is sent along, in this order.
    `process_group` and `starts_session` are those of `subprocess.Popen`."""

    module: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    directory: str
    descriptors: tuple[int, ...]
    process_group: int | None = None
    starts_session: bool = False

    def encoded(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decoded(cls, message: bytes) -> Request:
        given = json.loads(message)
        given["arguments"], given["descriptors"] = tuple(given["arguments"]), tuple(given["descriptors"])
        return cls(**given)

    @property
    def starts_programs(self) -> bool:
        """Whether the program is a supervisor, which starts programs of its own."""
        return "serve" in self.arguments and "--single-process" not in self.arguments


def main(descriptor: int) -> NoReturn:
    for name in PRELOADED:
        import_module(name)
    analyse_routes()
    gc.collect()
    gc.freeze()  # what is imported stays, and the forks leave its memory alone
    _become(*_next_program(socket.socket(fileno=descriptor)))


def _next_program(channel: socket.socket) -> tuple[Request, list[int]]:
    """Fork for each request and answer with the fork's process id. Returns in each fork; this process ends with its peer."""
    while True:
        message, received = _received(channel)
        if not message:
            os._exit(0)
        reading, writing = os.pipe()
        helper = os.fork()
        if helper == 0:
            program = os.fork()
            if program == 0:
                os.close(reading)
                os.close(writing)
                channel.close()
                return Request.decoded(message), received
            os.write(writing, str(program).encode())
            os._exit(0)  # its child's parent is now the process that asked (`Template.start`)
        os.close(writing)
        os.waitpid(helper, 0)
        answer = os.read(reading, 32)
        for each in (reading, *received):
            os.close(each)
        channel.send(answer)


def _received(channel: socket.socket) -> tuple[bytes, list[int]]:
    room = socket.CMSG_SPACE(DESCRIPTORS_MAX * array.array("i").itemsize)
    message, ancillary, _, _ = channel.recvmsg(SIZE_MAX, room)
    received = array.array("i")
    for _, _, data in ancillary:
        received.frombytes(data)
    return message, list(received)


def _become(request: Request, received: Sequence[int]) -> NoReturn:
    if request.starts_programs:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            for each in received:
                os.close(each)
            return _become(*_next_program(theirs))
        theirs.close()
        kept = _arranged(request, received, (ours.detach(),))
        from tests.support.forks import supervised

        supervised.fork_children(socket.socket(fileno=kept[0]))
    else:
        _arranged(request, received)
    _set_up(request)
    os._exit(_run(request))


def _arranged(request: Request, received: Sequence[int], kept: Sequence[int] = ()) -> list[int]:
    """Give the received descriptors the program's numbers, and close all others but `kept`, whose new numbers are returned."""
    import fcntl

    moved = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for each in (*received, *kept)]
    os.closerange(0, _ABOVE)
    for each, number in zip(moved, request.descriptors, strict=False):
        os.dup2(each, number, inheritable=True)
        os.close(each)
    return moved[len(received) :]


def _set_up(request: Request) -> None:
    """Set up what a new program gets from the system and the interpreter: session, directory, environment, signals, streams."""
    if request.starts_session:
        os.setsid()
    if request.process_group is not None:
        os.setpgid(0, request.process_group)
    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
    Path("/proc/self/comm").write_text(" ".join([request.module.rpartition(".")[2], *request.arguments]))  # of ps
    sys.path[0] = request.directory
    sys.argv = [request.module, *request.arguments]
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = open(number, "w", 1 if number == 2 or os.isatty(number) else -1, encoding="utf-8", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _run(request: Request) -> int:
    """Run the module as a program. The exit status, after what Python does when a program ends."""
    try:
        run_module(request.module, run_name="__main__", alter_sys=True)
        status: object = 0
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001  as the interpreter does
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(status, str):
        sys.stderr.write(f"{status}\n")
        status = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return int(status or 0) & 0xFF  # type: ignore[call-overload, no-any-return]


if __name__ == "__main__":
    main(int(sys.argv[1]))
