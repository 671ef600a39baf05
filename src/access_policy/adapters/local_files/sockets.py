"""Unix sockets in the data directory, accessible to its owner only, even if the path is longer than a socket address may be."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ADDRESS_MAX: Final = 100  # bytes; Linux takes 107, macOS 103
OWNER_ONLY: Final = 0o177  # umask


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """Yield an address of the socket file, valid inside the block. A long path is addressed by its directory's descriptor
    (Linux).

    Raises `OSError` if the directory does not exist, or if the path is too long on a system without /proc.
    """
    if len(os.fsencode(path)) <= ADDRESS_MAX:
        yield str(path)
        return
    if not Path("/proc/self/fd").is_dir():
        raise OSError(f"{path}: a socket's path may have at most {ADDRESS_MAX} bytes; use a shorter data directory")
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def bound_socket(path: Path, kind: socket.SocketKind) -> socket.socket:
    """Bind a non-blocking socket at `path`, replacing one that an earlier process left there. Raises `OSError`."""
    made = socket.socket(socket.AF_UNIX, kind)
    made.setblocking(False)
    try:
        path.unlink(missing_ok=True)
        with socket_address(path) as address:
            before = os.umask(OWNER_ONLY)
            try:
                made.bind(address)
            finally:
                os.umask(before)
    except OSError:
        made.close()
        raise
    return made
