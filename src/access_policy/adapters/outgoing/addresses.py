"""Addresses to which requests to receivers and partners may go: public addresses, and those in networks that a setting
allows.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[[str, int], Sequence[str]]

LOOKUPS_MAX: Final = 16  # threads; a lookup occupies one until the name server answers or the system gives up
SLOW_LOOKUPS_MAX: Final = 4  # threads for names whose last lookup was slow
SLOW_S: Final = 2.0
SLOW_NAMES_MAX: Final = 1_000  # remembered; the one whose slow lookup is the oldest is forgotten first
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


class AddressRefused(Exception):
    """The host has an address that may not be used, or no address at all. The message says which."""


class Resolver:
    """Resolves a host and checks its addresses. The caller connects to one of these without another lookup, so a name that
    changes its address between check and connection (DNS rebinding) gains nothing.
    """

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        lookup: Lookup | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed = tuple(allowed)
        self._lookup = lookup or _look_up
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(LOOKUPS_MAX, thread_name_prefix="names of receivers")
        self._slow_threads = ThreadPoolExecutor(SLOW_LOOKUPS_MAX, thread_name_prefix="slow names of receivers")
        self._slow: dict[tuple[str, int], None] = {}
        self._noting = threading.Lock()  # for `_slow`, which the threads change
        self._under_way: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return all addresses of the host, in the resolver's order. Raises `AddressRefused` if one of them may not be used."""
        try:
            found = await asyncio.shield(self._looked_up(host, port))
        except (OSError, UnicodeError) as error:
            raise AddressRefused(f"{host} has no address: {error}") from error
        addresses = list(dict.fromkeys(found))
        for each in addresses:
            if (why := self.refusal_of(each)) is not None:
                raise AddressRefused(why)
        if not addresses:
            raise AddressRefused(f"{host} has no address")
        return addresses

    def refusal_of(self, host: str) -> str | None:
        """Say why the address may not be used. None for a name, and for an address that may be used."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return None
        seen = _embedded(address)
        if any(each in network for each in (address, seen) for network in self._allowed):
            return None
        if seen.is_global and not (seen.is_multicast or seen.is_reserved or "%" in host):
            return None
        return f"{host} is not a public address; allow its network in ACCESS_POLICY_WEBHOOK_NETWORKS if the receiver is yours"

    def close(self) -> None:
        for threads in (self._threads, self._slow_threads):
            threads.shutdown(wait=False, cancel_futures=True)

    def _looked_up(self, host: str, port: int) -> asyncio.Future[Sequence[str]]:
        """Look the host up; concurrent calls share one lookup. Names whose name server was slow have separate threads, so that
        they do not delay other names for long, however many there are.
        """
        key = (host, port)
        if key not in self._under_way:
            loop = asyncio.get_running_loop()
            threads = self._slow_threads if key in self._slow else self._threads
            lookup = loop.run_in_executor(threads, self._timed, host, port)
            self._under_way[key] = lookup
            lookup.add_done_callback(lambda done: self._ended(key, done))
        return self._under_way[key]

    def _timed(self, host: str, port: int) -> Sequence[str]:
        begin = self._monotonic()
        try:
            return self._lookup(host, port)
        finally:
            self._note((host, port), is_slow=self._monotonic() - begin >= SLOW_S)

    def _note(self, key: tuple[str, int], *, is_slow: bool) -> None:
        with self._noting:
            self._slow.pop(key, None)
            if is_slow:
                self._slow[key] = None
                if len(self._slow) > SLOW_NAMES_MAX:
                    del self._slow[next(iter(self._slow))]

    def _ended(self, key: tuple[str, int], done: asyncio.Future[Sequence[str]]) -> None:
        self._under_way.pop(key, None)
        if not done.cancelled():
            done.exception()  # each caller may have stopped waiting


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for _, _, _, _, sockaddr in found]


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that a packet to this IPv6 address may reach, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour or address
