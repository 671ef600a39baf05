"""Authorisation of identifiers: by local rules, or by the central system."""

from __future__ import annotations

from simulated_charger.calls import CallRefused, ConnectionLost, NoAnswer
from simulated_charger.dialect import Dialect
from simulated_charger.observed import AuthorisationResult, DecidedBy
from simulated_charger.spec import Identifier, IdentifierKind, Payload
from simulated_charger.state import ChargerState

NO_ANSWER = AuthorisationResult(status="NoAnswer", decided_by=DecidedBy.UNDECIDED)
FREE = AuthorisationResult(status="Accepted", decided_by=DecidedBy.FREEVEND)
UNCHECKED = AuthorisationResult(status="Accepted", decided_by=DecidedBy.UNDECIDED)


class Admissions:
    __slots__ = ("_dialect", "_state")

    def __init__(self, state: ChargerState, dialect: Dialect) -> None:
        self._state = state
        self._dialect = dialect

    async def authorise(self, identifier: Identifier) -> AuthorisationResult:
        """Decide by local rules or by Authorize. An unanswered Authorize is not a permission."""
        state, dialect = self._state, self._dialect
        if (immediate := self._without_request(identifier)) is not None:
            return immediate
        key = dialect.key(identifier)
        local = state.local_authorisation.decide(key, online=state.operational, rules=dialect.rules(), now=state.now())
        if local is not None:
            return local
        try:
            answer = await state.connection.call(*dialect.authorize(identifier))
        except ConnectionLost:
            offline = state.local_authorisation.decide(key, online=False, rules=dialect.rules(), now=state.now())
            return offline or NO_ANSWER
        except (NoAnswer, CallRefused):
            return NO_ANSWER
        return self.process_answer(identifier, answer) or NO_ANSWER

    def process_answer(self, identifier: Identifier, answer: Payload) -> AuthorisationResult | None:
        """Return the identifier's status in an answer, if it has one; cache it and show it to the driver."""
        state = self._state
        authorisation = self._dialect.authorisation(answer)
        if authorisation is None:
            return None
        if identifier.kind not in (IdentifierKind.NONE, IdentifierKind.CENTRAL):
            key = self._dialect.key(identifier)
            state.local_authorisation.remember(key, authorisation, rules=self._dialect.rules(), now=state.now())
        state.message_to_driver = authorisation.message or authorisation.status
        return authorisation

    def _without_request(self, identifier: Identifier) -> AuthorisationResult | None:
        freevend = self._dialect.freevend_identifier()
        if freevend is not None and freevend.kind is IdentifierKind.NONE:
            return FREE
        return UNCHECKED if self._state.spec.behaviour.skips_authorize and self._state.operational else None
