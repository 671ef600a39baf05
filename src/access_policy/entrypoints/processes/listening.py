"""Sockets to listen on, and whether an address is free."""

from __future__ import annotations

import socket

from access_policy.settings_values import HostPort


def tcp_socket(address: HostPort, what: str) -> socket.socket:
    """Return a bound socket for the server `what`, which would itself end the process if the address were in use.
    Raises `OSError`."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # The protocol by name: only then does asyncio disable Nagle's algorithm, which would delay each response by 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
    except OSError as error:
        listening.close()
        raise OSError(f"{what} cannot listen on {address.host}:{address.port}: {error.strerror}") from error
    return listening


def must_be_free(address: HostPort, what: str) -> None:
    """Raise `OSError` if the address is in use, so that this is reported before any process starts."""
    tcp_socket(address, what).close()
