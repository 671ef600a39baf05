"""Families of metrics as text, and texts of several processes in one."""

from __future__ import annotations

from access_policy.entrypoints.processes.metric_families import gauge, labelled, merged, text_of


def test_text_of_families_has_the_prefix_the_help_and_the_labels() -> None:
    parked = labelled("parked_events", "Parked.", "projection")
    parked.add_metric(["sessions"], 2)

    text = text_of([gauge("store_up", "Up.", 1), parked]).decode()

    assert "# HELP access_policy_store_up Up.\n# TYPE access_policy_store_up gauge\naccess_policy_store_up 1.0" in text
    assert 'access_policy_parked_events{projection="sessions"} 2.0' in text


def test_merged_texts_share_families_and_differ_by_the_process_label() -> None:
    one = b'# HELP decisions_total Decisions.\n# TYPE decisions_total counter\ndecisions_total{reason="x"} %d\n'

    text = merged({"": b"# TYPE up gauge\nup 1\n", "gateway": one % 2, "office": one % 3}).decode()

    assert text.count("# TYPE decisions_total counter") == 1
    assert 'decisions_total{process="gateway",reason="x"} 2.0' in text
    assert 'decisions_total{process="office",reason="x"} 3.0' in text
    assert "\nup 1.0" in text
