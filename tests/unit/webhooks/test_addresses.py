"""Which addresses webhooks may be delivered to."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import threading

import pytest

from access_policy.adapters.outgoing.addresses import LOOKUPS_MAX, SLOW_S, AddressRefused, Resolver


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
    ],
)
def test_refusal_of_an_address_that_is_not_public_says_so(address: str) -> None:
    assert "not a public address" in (Resolver().refusal_of(address) or "")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::1111", "hooks.example"]
)
def test_refusal_of_a_public_address_or_a_name_is_none(address: str) -> None:
    assert Resolver().refusal_of(address) is None


def test_refusal_of_an_address_in_an_allowed_network_is_none_also_inside_an_ipv6_address() -> None:
    resolver = Resolver([ipaddress.ip_network("10.20.0.0/16")])

    assert resolver.refusal_of("10.20.0.1") is None
    assert resolver.refusal_of("::ffff:10.20.0.1") is None
    assert resolver.refusal_of("10.21.0.1") is not None


@pytest.mark.parametrize("found", [[], ["8.8.8.8", "10.0.0.1"]])
async def test_addresses_of_a_host_without_one_or_with_a_private_one_are_refused(found: list[str]) -> None:
    resolver = Resolver(lookup=lambda host, port: found)

    with pytest.raises(AddressRefused):
        await resolver.addresses("hooks.example", 443)
    resolver.close()


async def test_addresses_given_a_spelling_that_the_system_reads_as_loopback_are_refused() -> None:
    resolver = Resolver()
    for spelling in ("127.1", "2130706433", "0x7f000001", "localhost"):
        with pytest.raises(AddressRefused):
            await resolver.addresses(spelling, 443)
    resolver.close()


@pytest.mark.threads
async def test_addresses_of_a_host_are_found_however_many_names_are_never_answered() -> None:
    passed = itertools.count(step=SLOW_S)  # at each look at the clock
    is_first, end = True, threading.Event()

    def lookup(host: str, port: int) -> list[str]:
        if host != "hooks.example" and not is_first:
            end.wait()
        return ["8.8.8.8"]

    silent = [f"silent-{n}.example" for n in range(LOOKUPS_MAX)]
    resolver = Resolver(lookup=lookup, monotonic=lambda: float(next(passed)))
    for host in silent:
        await resolver.addresses(host, 443)
    is_first = False
    waiting = [asyncio.create_task(resolver.addresses(host, 443)) for host in silent]
    await asyncio.sleep(0)  # they look first
    try:
        async with asyncio.timeout(30):
            assert await resolver.addresses("hooks.example", 443) == ["8.8.8.8"]
    finally:
        end.set()
        await asyncio.gather(*waiting)
        resolver.close()
