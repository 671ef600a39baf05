"""Stored events <-> event classes, by stored name. The stored name is the class's `TYPE` literal, so a class may be
renamed or moved.

A stored event is one JSON object with `envelope` and `data`. Reading is strict about known fields and lenient about unknown
ones: an unregistered stored name and a field of the wrong shape are errors, but an unknown field is ignored, so that the
previous version of the program can read events of the next. A new field with a default therefore needs no new version of an
event. Any other change does: the new class gets the next version in its `TYPE`, and an `Upcaster` reads the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from access_policy.adapters.event_stores.event_types import EVENT_TYPES
from access_policy.application.ports.event_store import Envelope

Data = dict[str, Any]
Event = TypeVar("Event")


class UnreadableEvent(Exception):
    """The bytes of a stored event do not match the event class of its name."""


class UnknownStoredName(UnreadableEvent):
    """No event class and no upcaster is registered for the stored name: a newer program wrote the event, or its class was
    removed.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"no event class is registered for the stored name {name!r}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Upcaster:
    """Converts stored data of `source` (`….v1`) to `target` (`….v2`). Upcasters chain. `apply` receives and returns plain JSON
    values, and may change its argument.
    """

    source: str
    target: str
    apply: Callable[[Data], Data]


UPCASTERS: Final[tuple[Upcaster, ...]] = ()  # every event is still at its first version


class _Stored(msgspec.Struct, Generic[Event], frozen=True, gc=False):
    envelope: Envelope
    data: Event


class EventSerde:
    """Encodes and decodes the given event classes. Raises `ValueError` for contradictory registrations."""

    def __init__(self, event_types: Iterable[type], upcasters: Iterable[Upcaster] = ()) -> None:
        self._names: dict[type, str] = {}
        self._decoders: dict[str, msgspec.json.Decoder[_Stored[Any]]] = {}
        for event_type in event_types:
            self._register(event_type, event_type.TYPE)  # type: ignore[attr-defined]
        self._upcasters = _by_source(upcasters, current=self._decoders)
        self._envelope_decoder = msgspec.json.Decoder(_Stored[msgspec.Raw])
        self._old_decoder = msgspec.json.Decoder(_Stored[Data])
        # Encode sets in a fixed order, so that equal events have equal bytes.
        self._encoder = msgspec.json.Encoder(order="deterministic")

    def _register(self, event_type: type, name: str) -> None:
        if name in self._decoders:
            raise ValueError(f"two event classes have the stored name {name!r}")
        self._names[event_type] = name
        self._decoders[name] = msgspec.json.Decoder(_Stored[event_type])  # type: ignore[valid-type]

    def encode(self, event: object, envelope: Envelope) -> tuple[str, bytes]:
        """Return the stored name and the bytes. Raises `TypeError` for an unregistered class, `ValueError` for a value that
        JSON cannot represent (a lone surrogate, an integer of thousands of digits).
        """
        name = self._names.get(type(event))
        if name is None:
            raise TypeError(f"{type(event).__qualname__} is not registered as an event; add it to EVENT_TYPES")
        return name, self._encoder.encode(_Stored(envelope, event))

    def decode(self, name: str, state: bytes) -> tuple[Any, Envelope]:
        """Return the event, upcast to the current class, and its envelope. Raises `UnreadableEvent`."""
        decoder = self._decoders.get(name)
        try:
            stored = self._upcast(name, state) if decoder is None else decoder.decode(state)
        except msgspec.DecodeError as error:
            raise UnreadableEvent(f"stored {name}: {error}") from error
        return stored.data, stored.envelope

    def _upcast(self, name: str, state: bytes) -> _Stored[Any]:
        if name not in self._upcasters:
            raise UnknownStoredName(name)
        old = self._old_decoder.decode(state)
        data = old.data
        while name not in self._decoders:
            upcaster = self._upcasters[name]
            name, data = upcaster.target, upcaster.apply(data)
        return self._decoders[name].decode(self._encoder.encode(_Stored(old.envelope, data)))

    def envelope_of(self, state: bytes) -> Envelope | None:
        """Return the envelope of an event that may not be decodable itself, or None."""
        try:
            return self._envelope_decoder.decode(state).envelope
        except msgspec.DecodeError:
            return None

    def stored_names(self, types: Collection[str]) -> tuple[str, ...]:
        """Return the given current names and every older name that is read as one of them. Raises `ValueError` for a name that
        is not current, because it would never match.
        """
        if unknown := sorted(set(types) - self._decoders.keys()):
            raise ValueError(f"no event class has the name {', '.join(unknown)}")
        older = (source for source in self._upcasters if self.current_name(source) in types)
        return tuple(sorted({*types, *older}))

    def current_name(self, name: str) -> str:
        """Return the current name for a stored name; an unknown name is returned unchanged."""
        while name in self._upcasters:
            name = self._upcasters[name].target
        return name


def _by_source(upcasters: Iterable[Upcaster], *, current: Collection[str]) -> Mapping[str, Upcaster]:
    """Return the upcasters by the name that they read; every chain must end at a current name. Raises `ValueError`."""
    by_source: dict[str, Upcaster] = {}
    for upcaster in upcasters:
        if upcaster.source in by_source or upcaster.source in current:
            raise ValueError(f"{upcaster.source!r} has two upcasters, or an event class and an upcaster")
        by_source[upcaster.source] = upcaster
    for source in by_source:
        name, seen = source, set[str]()
        while name not in current:
            if name in seen or name not in by_source:
                raise ValueError(f"the upcasters of {source!r} do not end at an event class")
            seen.add(name)
            name = by_source[name].target
    return by_source


DOMAIN_SERDE: Final = EventSerde(EVENT_TYPES, UPCASTERS)
