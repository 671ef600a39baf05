"""The read-only side of a simulated charger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simulated_charger.connector import Connector
from simulated_charger.dialect import Dialect
from simulated_charger.instants import parse_instant
from simulated_charger.observed import Frame, FrameLog
from simulated_charger.spec import Payload
from simulated_charger.state import ChargerState


class ObservableCharger:
    """Reads `state`; `SimulatedCharger` creates it and acts on it."""

    __slots__ = ("_frames", "dialect", "state")

    _frames: FrameLog
    dialect: Dialect
    state: ChargerState

    def connector(self, number: int = 1) -> Connector:
        return self.state.connectors[number]

    def energy_wh(self, connector: int = 1) -> float:
        """Return the meter's register now."""
        return self.state.energy_wh(self.connector(connector))

    @property
    def frames(self) -> Sequence[Frame]:
        """The latest frames, oldest first: at most `ChargerSpec.keep_frames`."""
        return self._frames.frames

    @property
    def online(self) -> bool:
        return self.state.connection.online

    @property
    def ready(self) -> bool:
        return self.state.operational

    @property
    def connects(self) -> int:
        return self.state.connection.connects

    @property
    def last_connection_error(self) -> Exception | None:
        return self.state.connection.last_error

    @property
    def freevend_active(self) -> bool:
        return self.dialect.freevend_identifier() is not None

    @property
    def settings_in_force(self) -> dict[str, str]:
        return self.state.settings.values_in_force()

    @property
    def last_message_to_driver(self) -> str | None:
        return self.state.message_to_driver

    @property
    def display_messages(self) -> dict[int, Payload]:
        """The messages on the display now, by id; a message disappears at its end (2.0.1, O01.FR.07)."""
        now = self.state.now()
        shown = (self.state.display or {}).items()
        ends = {number: parse_instant(message.get("endDateTime")) for number, message in shown}
        return {number: message for number, message in shown if (end := ends[number]) is None or now < end}

    @property
    def unsent(self) -> int:
        """The number of messages that wait for a connection or an answer."""
        return self.state.outbox.waiting

    def sent(self, action: str) -> Iterable[Payload]:
        """Return the payloads of the kept CALLs with this action that the charger sent, oldest first."""
        return self._frames.sent(action)
