"""The request body of `POST /v1/what-if`: proposed rules, vehicles, agreements and settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from access_policy.application.what_if.proposal import Proposal, ProposedAgreement, ProposedRule, ProposedVehicle
from access_policy.application.what_if.replay import Question
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import Identifier, identifier
from access_policy.domain.ids import AgreementId, ChargerId, RuleId, VehicleId
from access_policy.entrypoints.http.fields import Instant, RequestModel, Text
from access_policy.entrypoints.http.v1.agreements import AgreementBody
from access_policy.entrypoints.http.v1.mode_rules import RuleBody
from access_policy.entrypoints.http.v1.vehicle_models import VehicleBody

_CHANGES_MAX = 1_000

ChargerIds = Annotated[list[Text], Field(min_length=1, max_length=10_000)]


class RuleChange(RequestModel):
    """`rule` without `rule_id` adds a rule; with `rule_id` it amends that rule; `rule_id` with `withdraw` withdraws it."""

    charger_ids: ChargerIds | Literal["all"] = "all"
    rule_id: Text | None = None
    rule: RuleBody | None = None
    withdraw: bool = False

    @model_validator(mode="after")
    def _one_meaning(self) -> RuleChange:
        if (self.rule is None) is not self.withdraw or (self.withdraw and self.rule_id is None):
            raise ValueError("give a rule, or a rule_id with withdraw")
        return self

    def proposed(self) -> ProposedRule:
        where = None if self.charger_ids == "all" else frozenset(ChargerId(each) for each in self.charger_ids)
        return ProposedRule(
            charger_ids=where,
            rule_id=None if self.rule_id is None else RuleId(self.rule_id),
            draft=None if self.rule is None else self.rule.draft(),
        )


class VehicleChange(RequestModel):
    """`vehicle` registers or changes the vehicle as `PUT /v1/vehicles` does; `remove` removes it; `suspended` suspends or
    reinstates it."""

    vehicle_id: Text
    vehicle: VehicleBody | None = None
    remove: bool = False
    suspended: bool | None = None

    @model_validator(mode="after")
    def _some_meaning(self) -> VehicleChange:
        if self.remove and (self.vehicle is not None or self.suspended is not None):
            raise ValueError("remove excludes vehicle and suspended; leave them out")
        if not self.remove and self.vehicle is None and self.suspended is None:
            raise ValueError("give vehicle, remove or suspended")
        if self.vehicle is not None and self.vehicle.identifiers is None:
            raise ValueError("is missing identifiers; give those that the vehicle would have")
        return self

    def proposed(self, index: int) -> ProposedVehicle:
        vehicle = self.vehicle
        return ProposedVehicle(
            vehicle_id=VehicleId(self.vehicle_id),
            description=None if vehicle is None else vehicle.description(),
            identifiers=() if vehicle is None else tuple(_read(vehicle, index)),
            removed=self.remove,
            suspended=self.suspended,
        )


class AgreementChange(RequestModel):
    agreement_id: Text
    agreement: AgreementBody | None = None
    end: bool = False

    @model_validator(mode="after")
    def _one_meaning(self) -> AgreementChange:
        if (self.agreement is None) is not self.end:
            raise ValueError("give an agreement, or end")
        return self

    def proposed(self) -> ProposedAgreement:
        agreement_id = AgreementId(self.agreement_id)
        agreement = None if self.agreement is None else self.agreement.agreement(agreement_id)
        return ProposedAgreement(agreement_id=agreement_id, agreement=agreement)


class ChangesBody(RequestModel):
    rules: Annotated[list[RuleChange], Field(default_factory=list, max_length=_CHANGES_MAX)]
    vehicles: Annotated[list[VehicleChange], Field(default_factory=list, max_length=_CHANGES_MAX)]
    agreements: Annotated[list[AgreementChange], Field(default_factory=list, max_length=_CHANGES_MAX)]
    enforcement: Enforcement | None = None
    baseline_mode: AccessMode | None = None


class WhatIfBody(RequestModel):
    from_: Annotated[Instant, Field(alias="from")]
    until: Instant
    charger_ids: ChargerIds | None = None
    changes: ChangesBody

    def question(self) -> Question:
        changes = self.changes
        return Question(
            since=self.from_,
            until=self.until,
            charger_ids=None if self.charger_ids is None else frozenset(ChargerId(each) for each in self.charger_ids),
            proposal=Proposal(
                rules=tuple(each.proposed() for each in changes.rules),
                vehicles=tuple(each.proposed(index) for index, each in enumerate(changes.vehicles)),
                agreements=tuple(each.proposed() for each in changes.agreements),
                enforcement=changes.enforcement,
                baseline_mode=changes.baseline_mode,
            ),
        )


def _read(vehicle: VehicleBody, index: int) -> list[Identifier]:
    values = []
    for position, (kind, text) in enumerate(vehicle.presented() or []):
        try:
            values.append(identifier(kind, text))
        except Refused as refusal:
            refusal.pointer = f"/changes/vehicles/{index}/vehicle/identifiers/{position}/value"
            raise
    return values
