"""Who may charge, as this charger finds out: by its own rules, or by asking the central system."""

from __future__ import annotations

from simulated_charger.link import CallRefused, LinkLost, NoAnswer
from simulated_charger.observed import DecidedBy, Verdict
from simulated_charger.spec import Identifier, IdentifierKind, Payload
from simulated_charger.station import Dialect, Station

NO_ANSWER = Verdict(status="NoAnswer", decided_by=DecidedBy.NOBODY)
FREE = Verdict(status="Accepted", decided_by=DecidedBy.FREEVEND)
UNCHECKED = Verdict(status="Accepted", decided_by=DecidedBy.NOBODY)


class Admissions:
    __slots__ = ("_dialect", "_station")

    def __init__(self, station: Station, dialect: Dialect) -> None:
        self._station = station
        self._dialect = dialect

    async def ask_for(self, identifier: Identifier) -> Verdict:
        """Decide by local rules, or ask. An unanswered question is no permission."""
        station, dialect = self._station, self._dialect
        if (unasked := self._without_asking(identifier)) is not None:
            return unasked
        key = dialect.key(identifier)
        local = station.authorisation.decide(key, online=station.operational, rules=dialect.rules(), now=station.now())
        if local is not None:
            return local
        try:
            answer = await station.link.call(*dialect.authorize(identifier))
        except LinkLost:
            offline = station.authorisation.decide(key, online=False, rules=dialect.rules(), now=station.now())
            return offline or NO_ANSWER
        except (NoAnswer, CallRefused):
            return NO_ANSWER
        return self.heard(identifier, answer) or NO_ANSWER

    def heard(self, identifier: Identifier, answer: Payload) -> Verdict | None:
        """What an answer says about the identifier, if anything; it is remembered and shown to the driver."""
        station = self._station
        verdict = self._dialect.verdict(answer)
        if verdict is None:
            return None
        if identifier.kind not in (IdentifierKind.NONE, IdentifierKind.CENTRAL):
            key = self._dialect.key(identifier)
            station.authorisation.remember(key, verdict, rules=self._dialect.rules(), now=station.now())
        station.message_to_driver = verdict.message or verdict.status
        return verdict

    def _without_asking(self, identifier: Identifier) -> Verdict | None:
        freevend = self._dialect.freevend_identifier()
        if freevend is not None and freevend.kind is IdentifierKind.NONE:
            return FREE
        return UNCHECKED if self._station.spec.behaviour.skips_authorize and self._station.operational else None
