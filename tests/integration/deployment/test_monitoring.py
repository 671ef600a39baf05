"""Alert rules and dashboard: every series they read exists in the running service, and the rules fire when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.samples import Sample

from tests.integration.deployment.scraped import unknown_series

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yaml"
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
WATCHED_FOR_TROUBLE = "10m"


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return list(group["rules"])


def promtool(*arguments: str | Path, directory: Path = RULES.parent) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program is not None, "install Debian's package prometheus, which has promtool"
    return subprocess.run([program, *map(str, arguments)], cwd=directory, capture_output=True, text=True)


def test_rules_pass_the_check_and_the_tests_of_promtool() -> None:
    checked = promtool("check", "rules", "rules.yaml")
    tested = promtool("test", "rules", "rules_test.yaml")

    assert checked.returncode == 0, checked.stderr
    assert f"{len(alerts())} rules found" in checked.stdout
    assert tested.returncode == 0, tested.stderr + tested.stdout


def test_every_alert_is_tested_to_fire_and_to_be_quiet() -> None:
    tests = yaml.safe_load((DEPLOY / "prometheus" / "rules_test.yaml").read_text("utf-8"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fire = {case["alertname"] for case in cases if case["exp_alerts"]}

    assert fire == {alert["alert"] for alert in alerts()}
    assert {"ChargersOpenWhileManaged", "SpoolNotEmpty", "ReaderLags", "EventLoopHeld", "CertificateExpires"} <= {
        case["alertname"] for case in cases if not case["exp_alerts"]
    }


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_alert_says_how_urgent_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"].keys() == {"summary", "action"}


def test_rules_read_series_that_the_running_service_has(samples: list[Sample]) -> None:
    assert unknown_series([alert["expr"] for alert in alerts()], samples) == []


def test_dashboard_reads_series_that_the_running_service_has(samples: list[Sample]) -> None:
    assert len(QUERIES) > 20
    assert unknown_series(QUERIES, samples) == []


def test_series_or_label_that_the_service_lacks_is_found(samples: list[Sample]) -> None:
    lacking = ["rate(access_policy_decision_total[5m])", 'access_policy_chargers_open_while_managed{reason="x"}']
    other_value = ['access_policy_chargers_open_while_managed{sync="asleep"}']

    assert len(unknown_series([*lacking, *other_value], samples)) == 3


def test_dashboard_has_queries_that_prometheus_can_read(tmp_path: Path) -> None:
    recorded = [
        {"record": f"panel:{number}", "expr": re.sub(r"\$__rate_interval", "5m", query)}
        for number, query in enumerate(QUERIES)
    ]
    rules = tmp_path / "panels.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))

    checked = promtool("check", "rules", rules)

    assert checked.returncode == 0, checked.stderr


def test_dashboard_has_panels_that_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(set(ids)) == len(ids)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def fired(samples: list[Sample], directory: Path, **changed: float) -> set[str]:
    """The alerts that fire after ten minutes in which the service would go on measuring this; `changed` replaces the values
    of series by their names."""
    now = max(sample.value for sample in samples if sample.name == EXPIRY) - 86_400
    series = [
        {"series": _written(sample), "values": f"{changed.get(sample.name, _at_zero(sample, now)):f}x20"}
        for sample in samples
        if sample.name.startswith("access_policy_") and not sample.name.endswith(("_created", "_sum"))
    ]
    shutil.copy(RULES, directory / "rules.yaml")
    case = {"alertname": "", "eval_time": WATCHED_FOR_TROUBLE, "exp_alerts": []}
    tests = [
        {"interval": "1m", "input_series": series, "alert_rule_test": [{**case, "alertname": alert["alert"]}]}
        for alert in alerts()
    ]
    (directory / "scraped.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests})
    )
    done = promtool("test", "rules", "scraped.yaml", directory=directory)
    return set(re.findall(r"alertname: (\w+), time", done.stdout + done.stderr))


EXPIRY = "access_policy_certificate_expiry_timestamp_seconds"


def _written(sample: Sample) -> str:
    labels = ", ".join(f'{name}="{value}"' for name, value in {**sample.labels, "instance": "depot"}.items())
    return f"{sample.name}{{{labels}}}"


def _at_zero(sample: Sample, now: float) -> float:
    """promtool's clock starts at 0."""
    return sample.value - now if sample.name == EXPIRY else sample.value


def test_scraped_trouble_fires_its_alerts_and_no_other(samples: list[Sample], tmp_path: Path) -> None:
    quiet = {"access_policy_event_loop_lag_max_seconds": 0.0}  # of this busy machine
    sound = {"access_policy_chargers_open_while_managed": 0.0, EXPIRY: 90 * 86_400.0}

    troubled = fired(samples, tmp_path, **quiet)
    well = fired(samples, tmp_path, **quiet, **sound)
    spooling = fired(samples, tmp_path, **quiet, **sound, access_policy_spool_backlog=1.0)
    held = fired(samples, tmp_path, **sound, access_policy_event_loop_lag_max_seconds=0.5)
    behind = fired(samples, tmp_path, **quiet, **sound, access_policy_reader_lag_seconds=60.0)

    assert troubled == {"ChargersOpenWhileManaged", "CertificateExpires", "CertificateExpiresNow"}
    assert well == set()
    assert (spooling, held, behind) == ({"SpoolNotEmpty"}, {"EventLoopHeld"}, {"ReaderLags"})
