"""How long the tests of a file or directory take: a run begins with the longest (`tests/support/order.py`).

CPU seconds with those of all processes that the tests start, on a machine with two cores, rounded; more where tests wait. A
test with real parts counts a second where nothing is said here, and a test with a short form 15. A name without tests fails
tests/unit/test_order.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SECONDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "tests/integration/audit/test_chain.py": 24,
        "tests/integration/audit/test_commands.py": 6,
        "tests/integration/conformance/test_ocpp16.py": 14,
        "tests/integration/conformance/test_ocpp201.py": 20,
        "tests/integration/conformance/test_reservations.py": 12,
        "tests/integration/console": 180,
        "tests/integration/console/tour": 55,
        "tests/integration/deployment/test_image.py": 34,
        "tests/integration/deployment/test_monitoring.py": 10,
        "tests/integration/event_bus/test_eventbridge.py": 7,
        "tests/integration/event_intake/test_energy.py": 10,
        "tests/integration/event_intake/test_intakes.py": 10,
        "tests/integration/event_intake/test_sqs.py": 7,
        "tests/integration/event_stores/test_contract.py": 23,
        "tests/integration/event_stores/test_dynamodb.py": 28,
        "tests/integration/event_stores/test_dynamodb_recorder.py": 7,
        "tests/integration/event_stores/test_postgres.py": 15,
        "tests/integration/event_stores/test_sqlite.py": 8,
        "tests/integration/http/test_api.py": 15,
        "tests/integration/http/test_bad_input.py": 5,
        "tests/integration/http/test_console_login.py": 12,
        "tests/integration/http/test_streams_of_two_offices.py": 20,
        "tests/integration/identity/test_issuer.py": 5,
        "tests/integration/identity/test_issuer_at_start.py": 9,
        "tests/integration/ocpi/test_bookings.py": 15,
        "tests/integration/ocpi/test_day.py": 9,
        "tests/integration/openapi/test_answers.py": 18,
        "tests/integration/read_models/test_every_question.py": 12,
        "tests/integration/read_models/test_preparing.py": 15,
        "tests/integration/read_models/test_rebuild.py": 17,
        "tests/integration/read_models/test_redelivery.py": 13,
        "tests/integration/read_models/test_runner.py": 14,
        "tests/integration/read_models/test_views.py": 6,
        "tests/integration/records/test_vehicle_vault.py": 4,
        "tests/integration/site/test_site.py": 65,
        "tests/integration/site/test_snippets.py": 45,
        "tests/integration/tenants/test_erasure.py": 25,
        "tests/integration/test_clean_stops.py": 12,
        "tests/integration/test_cli_examples.py": 45,
        "tests/integration/test_cluster.py": 20,
        "tests/integration/test_drain.py": 20,
        "tests/integration/test_dynamodb_settings.py": 10,
        "tests/integration/test_events_out_and_in.py": 12,
        "tests/integration/test_gone_gateway.py": 40,
        "tests/integration/test_kill.py": 15,
        "tests/integration/test_killed_sessions.py": 10,
        "tests/integration/test_login_link.py": 9,
        "tests/integration/test_not_a_fault.py": 14,
        "tests/integration/test_ocpp_server.py": 2,
        "tests/integration/test_postgres_settings.py": 20,
        "tests/integration/test_privacy.py": 17,
        "tests/integration/test_registry_import_process.py": 14,
        "tests/integration/test_restored_erasures.py": 16,
        "tests/integration/test_restored_postgres.py": 15,
        "tests/integration/test_roles.py": 12,
        "tests/integration/test_store_outage.py": 32,
        "tests/integration/test_supervisor.py": 22,
        "tests/integration/test_two_processes.py": 20,
        "tests/integration/test_wheel.py": 23,
        "tests/integration/webhooks/test_digest_over_http.py": 8,
        "tests/integration/webhooks/test_killed_service.py": 10,
        "tests/unit/one_failure/test_one_failure.py": 8,
        "tests/unit/who_may_charge/test_who_may_charge.py": 8,
    }
)
