"""A depot under measurement, as the drivers of operations see it, and the client that they use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

TENANT = "bench"
ABSENT = "nobody"


class Unexpected(Exception):
    """The service's answer is not the one that the driver expects."""


@dataclass
class Scene:
    """A depot. `charger` is connected, and its depot has all `chargers`. `number` counts the runs of each operation, so that
    each run can create new things; `made` has what earlier operations created, by name; `installation` is a token.
    """

    client: httpx.Client
    depot: str
    charger: str
    chargers: int
    vehicles: int
    number: int = 0
    installation: str = ""
    made: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, *, ok: Iterable[int] = (), **more: Any) -> httpx.Response:
        """Send a request. Raises `Unexpected` for an error status that is not in `ok`."""
        answer = self.client.request(method, path, json=body, **more)
        if answer.is_error and answer.status_code not in ok:
            raise Unexpected(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer

    def instant(self, **ahead: float) -> str:
        at = datetime.now(UTC).replace(microsecond=0) + timedelta(**ahead)
        return at.isoformat().replace("+00:00", "Z")

    @property
    def card(self) -> dict[str, str]:
        """The card of a registered vehicle."""
        return {"kind": "rfid", "value": card(0)}

    @property
    def stranger(self) -> dict[str, str]:
        return {"kind": "rfid", "value": f"0AFFFF{self.number:08X}"}


Drive = Callable[[Scene], object]


def card(number: int) -> str:
    return f"04B0{number:010X}"


def file_of(vehicles: int, *, name: str = "Vehicle") -> bytes:
    """Return a registry as CSV, with an RFID card for each vehicle, and an Autocharge address and a plate for one in five."""
    lines = ["vehicle_id,name,access_class,rfid,mac,plate"]
    for n in range(vehicles):
        more = f"VID:02{n:010X},B-X {n}" if n % 5 == 0 else ","
        lines.append(f"bulk-{n},{name} {n},own,{card(n)},{more}")
    return "\r\n".join(lines).encode()
