"""Decides which chargers may connect: by charge point identity, password and client certificate."""

from __future__ import annotations

from http import HTTPStatus

from access_policy.adapters.ocpp.incoming.connected_charger import AdmittedCharger
from access_policy.adapters.ocpp.transport.admission import AdmissionRefused, Admitted
from access_policy.adapters.ocpp.transport.guessing import GuessLimit
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.secrets import ChargerCredentials
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.domain.ids import ChargePointId, ChargerId, ChargerKey, TenantId

_UNKNOWN = (TenantId(""), ChargerId(""))  # verified for an unknown identity, so that the check takes as long


class ChargerAdmission:
    """Implements `Admission` of the OCPP server.

    With `requires_passwords`, every charger needs one. Otherwise a charger registered without a password is admitted by its
    identity alone, which is only for loopback listeners.
    """

    def __init__(
        self,
        view: DecisionView,
        conditions: ChargerConditions,
        credentials: ChargerCredentials,
        clock: Clock,
        *,
        requires_passwords: bool,
    ) -> None:
        self._view = view
        self._conditions = conditions
        self._credentials = credentials
        self._clock = clock
        self._requires_passwords = requires_passwords
        self._guesses = GuessLimit()

    async def admit(
        self, charge_point_id: str, password: bytes | None, source: str, certified: frozenset[str] | None
    ) -> Admitted | AdmissionRefused:
        """Decide whether the charger may connect. If passwords are required, an unknown identity and a wrong password get the
        same answer. A certificate replaces the password (profile 3).
        """
        identity = ChargePointId(charge_point_id)
        if (wait_s := self._guesses.retry_after_s(source, charge_point_id)) is not None:
            reason = "too many wrong credentials; it may try again later"
            return AdmissionRefused(HTTPStatus.UNAUTHORIZED, wait_s, reason)
        key = self._view.owner_of(identity)
        verified = await self._credentials.verify(identity, key or _UNKNOWN, password)
        if certified is not None:
            verified = charge_point_id in certified
        elif verified is None and not self._requires_passwords:
            verified = True
        if key is None and not self._requires_passwords:
            return AdmissionRefused(HTTPStatus.NOT_FOUND, reason="no charger has this charge point id")
        if key is None or not verified:
            self._guesses.failed(source, charge_point_id)
            return AdmissionRefused(HTTPStatus.UNAUTHORIZED, reason=_why(key, verified, password, certified))
        self._guesses.let_in(source, charge_point_id)
        has_booted = await self._conditions.has_booted(key)
        return Admitted(AdmittedCharger(key, self._clock.now(), has_booted))


def _why(
    key: ChargerKey | None, verified: bool | None, password: bytes | None, certified: frozenset[str] | None
) -> str:
    if key is None:
        return "no charger has this charge point id"
    if certified is not None:
        return "its certificate names another charge point id"
    if verified is None:
        return "the charger has no password; register it with one"
    return "it presented no password" if password is None else "wrong password"
