"""How long the tests of a file or directory take, so that a run's workers get equal parts (`tests/support/order.py`).

Seconds on a machine with two cores, measured in a whole run (`--durations=0`) and rounded. A test with real parts counts a
second where nothing is said here, and a test with a short form 15. A name without tests fails tests/unit/test_order.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SECONDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "tests/integration/console": 300,
        "tests/integration/console/tour": 240,
        "tests/integration/deployment/test_image.py": 155,
        "tests/integration/event_stores/test_contract.py": 30,
        "tests/integration/event_stores/test_dynamodb.py": 80,
        "tests/integration/http/test_streams_of_two_offices.py": 80,
        "tests/integration/read_models/test_rebuild.py": 30,
        "tests/integration/read_models/test_runner.py": 50,
        "tests/integration/site/test_site.py": 90,
        "tests/integration/site/test_snippets.py": 80,
        "tests/integration/tenants/test_erasure.py": 60,
        "tests/integration/test_cli_examples.py": 120,
        "tests/integration/test_cluster.py": 120,
        "tests/integration/test_drain.py": 60,
        "tests/integration/test_dynamodb_settings.py": 60,
        "tests/integration/test_events_out_and_in.py": 80,
        "tests/integration/test_gone_gateway.py": 65,
        "tests/integration/test_kill.py": 100,
        "tests/integration/test_login_link.py": 40,
        "tests/integration/test_postgres_settings.py": 85,
        "tests/integration/test_privacy.py": 125,
        "tests/integration/test_registry_import_process.py": 70,
        "tests/integration/test_restored_postgres.py": 50,
        "tests/integration/test_roles.py": 60,
        "tests/integration/test_store_outage.py": 160,
        "tests/integration/test_supervisor.py": 60,
        "tests/integration/test_wheel.py": 65,
        "tests/integration/webhooks/test_digest_over_http.py": 30,
        "tests/integration/webhooks/test_killed_service.py": 25,
        "tests/unit/http/test_openapi.py": 25,
        "tests/unit/one_failure/test_one_failure.py": 15,
        "tests/unit/who_may_charge/test_who_may_charge.py": 10,
    }
)
