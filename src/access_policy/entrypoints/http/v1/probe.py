"""`/v1/chargers/{charger_id}/probe`: read a charger's settings and propose capability profiles for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from fastapi.responses import Response

from access_policy.application.queries.probe import Candidate, Probe, Probed, ProfileMatch
from access_policy.domain.capability_profiles.capabilities import Evidence, mode_control_name
from access_policy.domain.ids import ChargerId
from access_policy.entrypoints.http.auth import OPERATORS, Caller, requires
from access_policy.entrypoints.http.dependencies import Process, provided
from access_policy.entrypoints.http.fields import ResponseModel
from access_policy.entrypoints.http.responses import PASSED_ON
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["profiles"])


class ProfileCandidate(ResponseModel):
    profile: str
    title: str
    mode_control: str
    fit: ProfileMatch
    evidence: Evidence
    because: list[str]
    quirks: list[str]

    @classmethod
    def of(cls, candidate: Candidate) -> ProfileCandidate:
        profile = candidate.profile
        return cls(
            profile=profile.name,
            title=profile.title,
            mode_control=mode_control_name(profile.mode_control),
            fit=candidate.fit,
            evidence=profile.evidence,
            because=list(candidate.because),
            quirks=list(profile.quirks),
        )


class SettingShown(ResponseModel):
    """A setting. `value` is null if the charger does not reveal it or it is a secret. `writable` is null if the charger
    does not report it."""

    name: str
    value: str | None
    writable: bool | None


class ProbedCharger(ResponseModel):
    """The result of a probe. `proposed` is the first of the candidates; `all_told`: all settings were read, not only
    those that profiles name."""

    protocol: str
    vendor: str | None
    model: str | None
    firmware: str | None
    all_told: bool
    proposed: str | None
    candidates: list[ProfileCandidate]
    settings: list[SettingShown]

    @classmethod
    def of(cls, found: Probed) -> ProbedCharger:
        best = found.candidates[0] if found.candidates else None
        return cls(
            protocol=found.protocol,
            vendor=found.vendor,
            model=found.model,
            firmware=found.firmware,
            all_told=found.all_told,
            proposed=None if best is None else best.profile.name,
            candidates=[ProfileCandidate.of(each) for each in found.candidates],
            settings=[
                SettingShown(name=each.name, value=each.value, writable=each.writable) for each in found.settings
            ],
        )


@router.post(
    "/chargers/{charger_id}/probe",
    operation_id="probe_charger",
    dependencies=requires(OPERATORS),
    responses=PASSED_ON,
    response_model=ProbedCharger,
)
async def probe_charger(
    request: Request,
    caller: Caller,
    process: Process,
    probe: Annotated[Probe, provided(lambda c: c.queries.probe)],
    charger_id: str,
) -> ProbedCharger | Response:
    """Read a connected charger's settings without changing any, and propose profiles, the best match first."""
    key = (caller.tenant_id, ChargerId(charger_id))
    passed_on = await process.peers.answer_or_refusal(request, key)
    return passed_on if passed_on is not None else ProbedCharger.of(await probe(key))
