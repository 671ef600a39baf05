"""Limits on how many requests an address or a caller may send."""

from __future__ import annotations

import functools
import ipaddress
import math
from collections import OrderedDict
from typing import Final

from aiolimiter import AsyncLimiter

REMEMBERED_MAX: Final = 10_000  # sources; about 5 MB
IPV6_SITE_BITS: Final = 64  # one customer has at least a network of this prefix length (RFC 6177)


class RequestLimits:
    """A leaky bucket for each source: `burst` requests at once, and `per_s` requests a second in the long run.

    The most recently seen sources are remembered; a forgotten source starts with an empty bucket.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._burst = burst
        self._period_s = burst / per_s
        self._wait_s = max(1, math.ceil(1 / per_s))
        self._sources: OrderedDict[str, AsyncLimiter] = OrderedDict()

    async def retry_after_s(self, source: str) -> int | None:
        """Count a request. Return None if it may proceed, otherwise the seconds until the next one may."""
        limiter = self._sources.get(source)
        if limiter is None:
            limiter = self._sources[source] = AsyncLimiter(self._burst, self._period_s)
            if len(self._sources) > REMEMBERED_MAX:
                self._sources.popitem(last=False)
        else:
            self._sources.move_to_end(source)
        if not limiter.has_capacity():
            return self._wait_s
        await limiter.acquire()
        return None


@functools.lru_cache(maxsize=REMEMBERED_MAX)
def source_of(host: str) -> str:
    """Return the source to count for an address: the address itself, or the /64 network of an IPv6 address, all of which one
    host can use.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_SITE_BITS), strict=False))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
