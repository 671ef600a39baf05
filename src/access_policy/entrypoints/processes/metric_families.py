"""Families of metrics and their text, in Prometheus' format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from access_policy.application.measurements import Histogram

PREFIX: Final = "access_policy"
PROCESS: Final = "process"  # the label of merged texts


def gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", says, value=value)


def labelled(name: str, says: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", says, labels=[label])


def histogram(name: str, says: str, values: Histogram) -> Metric:
    family = HistogramMetricFamily(f"{PREFIX}_{name}", says)
    family.add_metric([], buckets=values.buckets(), sum_value=values.total)
    return family


def merged(texts: Mapping[str, bytes]) -> bytes:
    """Merge the texts of several processes, given by name. Samples get the name as the label `process`, or no label for
    an empty name. Metrics of the same name become one family, as the format requires."""
    families: dict[str, Metric] = {}
    for process, text in texts.items():
        for family in text_string_to_metric_families(text.decode()):
            into = families.setdefault(family.name, Metric(family.name, family.documentation, family.type, family.unit))
            for sample in family.samples:
                labels = {**sample.labels, PROCESS: process} if process else sample.labels
                into.samples.append(sample._replace(labels=labels))
    return text_of(list(families.values()))


class _Collected(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def text_of(families: Sequence[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collected(families))
    return generate_latest(registry)
