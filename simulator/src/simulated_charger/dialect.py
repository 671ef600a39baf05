"""The interface that each protocol version implements."""

from __future__ import annotations

from typing import Protocol

from simulated_charger.connector import Connector, StopReason, Transaction
from simulated_charger.local_authorisation import Key, Rules
from simulated_charger.observed import AuthorisationResult
from simulated_charger.outbox import Message
from simulated_charger.spec import Identifier, Payload


class Dialect(Protocol):
    """One protocol version: reads settings by the version's names and builds the version's messages."""

    @property
    def transaction_starts_at_plug_in(self) -> bool: ...

    @property
    def authorises_freevend(self) -> bool: ...

    def rules(self) -> Rules: ...

    def key(self, identifier: Identifier) -> Key: ...

    def freevend_identifier(self) -> Identifier | None:
        """Return the identifier that freevend sessions carry; None while freevend is off."""

    def stops_on_invalid(self) -> bool: ...

    def ends_with_authorisation(self) -> bool:
        """False if a transaction without energy stays open until the cable is unplugged (2.x TxStopPoint)."""

    def stops_when_unplugged(self) -> bool: ...

    def authorises_remote_starts(self) -> bool: ...

    def connection_timeout_s(self) -> int: ...

    def retries(self) -> tuple[int, float]:
        """Return the attempts for a transaction message, and the interval in seconds."""

    def boot(self, reason: str) -> tuple[str, Payload]: ...

    def charger_status(self) -> tuple[str, Payload] | None: ...

    def connector_status(self, connector: Connector) -> tuple[str, Payload]: ...

    def authorize(self, identifier: Identifier) -> tuple[str, Payload]: ...

    def authorisation(self, answer: Payload) -> AuthorisationResult | None:
        """Return the identifier's status in an answer, if it has one."""

    def started(self, connector: Connector, transaction: Transaction) -> Message: ...

    def authorised(self, connector: Connector, transaction: Transaction) -> Message | None:
        """Report an authorisation in a transaction that began at plug-in."""

    def suspended(self, connector: Connector, transaction: Transaction, reason: StopReason) -> Message | None: ...

    def sampled(self, connector: Connector, transaction: Transaction) -> Message: ...

    def stopped(
        self, connector: Connector, transaction: Transaction, reason: StopReason, by: Identifier | None
    ) -> Message: ...

    def reservation_ended(self, number: int, reason: str) -> tuple[str, Payload] | None:
        """Report that a reservation ended without a start; None if the protocol has no such message."""

    def transaction_id(self, transaction: Transaction) -> str | None: ...
