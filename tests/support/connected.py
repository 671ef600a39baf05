"""A connected charger without a socket, for the handlers of its messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.domain.ids import ChargerKey


def connected_charger(
    key: ChargerKey, protocol: str, connected_at: datetime, *, accepted: bool = True, **more: Any
) -> ConnectedCharger:
    no_socket: Any = None
    return ConnectedCharger(key, protocol, connected_at, accepted, no_socket, no_socket, **more)
