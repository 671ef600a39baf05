"""`access-policy webhooks`, over the whole API in memory."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.cli_in_memory import Cli

CREATE = ("webhooks", "create", "Night shift", "--url", "https://hooks.invalid/a")


def test_webhook_is_created_with_its_secret_shown_once_then_changed_and_deleted(cli: Cli, tmp_path: Path) -> None:
    said = cli(*CREATE, "--preset", "denied_vehicle").stdout
    (listed,) = cli.json("webhooks", "list")["items"]
    hook = listed["webhook_id"]
    assert f"webhook {hook} created" in said
    assert "whsec_" in said
    assert "whsec_" not in cli("webhooks", "show", hook).stdout

    cli("webhooks", "change", hook, "--name", "Day shift", "--disable")
    changed = cli.json("webhooks", "show", hook)
    assert (changed["name"], changed["preset"], changed["enabled"]) == ("Day shift", "denied_vehicle", False)

    pattern = tmp_path / "pattern.json"
    pattern.write_text(json.dumps({"detail-type": ["ChargingEnded"]}))
    cli("webhooks", "change", hook, "--pattern", f"@{pattern}")
    changed = cli.json("webhooks", "show", hook)
    assert (changed["preset"], changed["pattern"]) == (None, {"detail-type": ["ChargingEnded"]})
    cli("webhooks", "change", hook, "--url", "https://hooks.invalid/b")
    assert cli.json("webhooks", "show", hook)["pattern"] == {"detail-type": ["ChargingEnded"]}

    assert "new secret" in cli("webhooks", "rotate-secret", hook).stdout
    assert "deleted" in cli("webhooks", "delete", hook).stdout
    assert cli.json("webhooks", "list") == {"items": []}


def test_webhook_whose_test_event_is_not_delivered_ends_with_one_line_and_status_1(cli: Cli) -> None:
    hook = cli.json(*CREATE, "--preset", "agreement_ends_soon", "--disable")["webhook_id"]

    refused = cli("webhooks", "test", hook, status=1)
    assert refused.stderr.startswith("access-policy: the test event was not delivered: hooks.invalid has no address")
    assert refused.stdout == ""
    assert cli("webhooks", "deliveries", hook).stderr == "no deliveries\n"
    assert cli("webhooks", "redeliver", hook, "--dead-letters").stdout == "queued again: 0\n"


def test_webhook_with_bad_options_is_refused_with_what_to_do(cli: Cli) -> None:
    for options, told in (
        (("--pattern", "{"), "--pattern is not JSON"),
        (("--pattern", "[]"), "takes a JSON object"),
        (("--pattern", "@/none.json"), "/none.json"),
        ((), "either a pattern or a preset"),
    ):
        assert told in cli(*CREATE, *options, status=1).stderr
    assert "--dead-letters" in cli("webhooks", "redeliver", "x", status=1).stderr


def test_webhook_presets_name_the_common_needs(cli: Cli) -> None:
    assert [each["preset"] for each in cli.json("webhooks", "presets")["items"]] == [
        "open_but_should_be_managed",
        "unreachable_at_transition",
        "agreement_ends_soon",
        "depot_digest",
        "denied_vehicle",
        "denied_entry",
    ]
