"""The sentences of an explanation: with ids and versions for callers of the API, in the words of people for pages."""

from __future__ import annotations

from access_policy.application.queries.explanation_texts import Wording, text_of
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access.trace import trace
from access_policy.domain.ids import ActorId, AgreementId
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.events import AccessClass
from tests.support import attempts
from tests.support.builders import HOUR, NOON, NORTH, VAN, ref

NIGHT = AgreementId("a-1")
PEOPLE = Wording(
    vehicles={VAN: "Courier van 7"},
    agreements={NIGHT: "City couriers by night"},
    kinds={"rfid": "RFID"},
    instant=lambda at: f"{at:%H:%M} on the depot's clock",
)
PERMISSION = AdHocPermission(
    attempt_id=attempts.TRY,
    depot_id=NORTH,
    identifier=ref(),
    vehicle_id=None,
    given_at=NOON,
    until=NOON + HOUR,
    reason="Expected tonight",
    given_by=ActorId("anna"),
)


def _told(event: object, wording: Wording | None) -> str:
    return " ".join(text_of(step, event.lineage, wording) for step in trace(event))  # type: ignore[attr-defined, arg-type]


def test_explanation_for_people_has_names_and_no_ids_or_versions() -> None:
    of_agreement = attempts.allowed(
        reason=Reason.AGREEMENT_VEHICLE, access_class=AccessClass.AGREEMENT, agreement_id=NIGHT
    )

    told = _told(of_agreement, PEOPLE)

    assert "The charger was under managed access by rule “Nights”." in told
    assert "The charger sent the identifier RFID " in told
    assert "It belonged to vehicle Courier van 7." in told
    assert told.endswith("Vehicle Courier van 7 may charge under agreement “City couriers by night”.")
    for internal in (VAN, NIGHT, "nights", "version"):
        assert internal not in told


def test_explanation_without_a_name_has_the_id() -> None:
    told = _told(attempts.allowed(), Wording(vehicles={}, agreements={}, kinds={}, instant=str))

    assert f"It belonged to vehicle {VAN}." in told
    assert "The charger sent the identifier rfid " in told


def test_explanation_for_callers_of_the_api_has_ids_and_versions() -> None:
    told = _told(attempts.allowed(), None)

    assert "under managed access by rule 'Nights' (nights) (policy version 2)." in told
    assert f"It belonged to vehicle {VAN} (registry version 7)." in told


def test_explanation_for_people_has_the_end_of_a_permission_on_their_clock() -> None:
    event = attempts.allowed(reason=Reason.AD_HOC, ad_hoc=PERMISSION)

    assert _told(event, PEOPLE).endswith("Allowed until 13:00 on the depot's clock by anna because: Expected tonight")
