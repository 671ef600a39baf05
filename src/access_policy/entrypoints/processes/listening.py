"""Sockets to listen on, and whether an address is free."""

from __future__ import annotations

import socket

from access_policy.settings_values import HostPort


def tcp_socket(address: HostPort, what: str) -> socket.socket:
    """Bound before it is handed to the server `what`, which would end the process when the address is taken. Raises
    `OSError`."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # The protocol by name: only then does asyncio switch Nagle's algorithm off, which would hold each answer back for 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
    except OSError as error:
        listening.close()
        raise OSError(f"{what} cannot listen on {address.host}:{address.port}: {error.strerror}") from error
    return listening


def must_be_free(address: HostPort, what: str) -> None:
    """Raises `OSError`, so that a taken address is reported before any process starts."""
    tcp_socket(address, what).close()
