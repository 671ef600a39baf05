"""The clock of this machine, compared with the kernel's synchronisation state, the store's clock and the newest
event."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.aws.clients import AwsClient
from access_policy.adapters.clock import SystemClock
from access_policy.entrypoints.doctor.databases import newest_event_at, server_time
from access_policy.entrypoints.doctor.findings import Finding, act, ok, soon
from access_policy.settings import Settings

APART_MAX: Final = timedelta(seconds=2)  # an HTTP date has whole seconds
TIMEX_BYTES: Final = 256  # more than the size of struct timex
TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
REMEDY: Final = "Start a time service (chrony, systemd-timesyncd) on both machines: modes are switched by this clock."


def kernel_clock(_: Settings) -> Iterator[Finding]:
    synchronised = kernel_is_synchronised()
    if synchronised is None:
        yield soon("clock", "this system does not report whether its clock is synchronised", "Check its time service.")
    elif not synchronised:
        yield soon("clock", "the kernel's clock is not synchronised by a time service", REMEDY)
    else:
        yield ok("clock", "the kernel's clock is synchronised")


def store_clock(settings: Settings) -> Iterator[Finding]:
    """Compare with PostgreSQL's clock, or with the date of DynamoDB's response; files have no clock."""
    where = settings.store_location
    if isinstance(where, Path):
        return
    before = SystemClock().now()
    theirs = asyncio.run(_dynamodb_time(where)) if isinstance(where, AwsAddress) else server_time(where)
    middle = before + (SystemClock().now() - before) / 2
    apart = abs(theirs - middle)
    text = f"this machine and the store's are {apart.total_seconds():.1f} s apart"
    yield ok("clock", text) if apart <= APART_MAX else act("clock", text, REMEDY)


def log_clock(settings: Settings) -> Iterator[Finding]:
    newest = newest_event_at(settings)
    if newest is not None and newest - SystemClock().now() > APART_MAX:
        yield act("clock", f"the newest event is from {newest:%Y-%m-%d %H:%M:%S} UTC, which is in the future", REMEDY)


def kernel_is_synchronised() -> bool | None:
    """Return whether a time service synchronises the kernel's clock (adjtimex(2), which changes nothing with `modes`
    0); None if the system does not report it."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR


async def _dynamodb_time(table: AwsAddress) -> datetime:
    client = AwsClient("dynamodb", table)
    try:
        answer: Any = await (await client.get()).describe_table(TableName=table.name)
    finally:
        await client.close()
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
