"""`make bench`: everything that is measured, with its ratios, as it is written down in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import platform

from benchmarks import authorize, kernel, registry, timeline

ALL = ["kernel", "authorize", "idle", "registry", "timeline"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("only", nargs="*", choices=[[], *ALL], help="what to measure [all]")
    chosen = parser.parse_args()
    wanted = chosen.only or ALL
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors\n")
    if "kernel" in wanted:
        _kernel(chosen.seconds)
    if "authorize" in wanted:
        _authorize(chosen.seconds)
    if "idle" in wanted:
        print(f"An idle charger costs {authorize.idle_kib():.1f} KiB\n")
    if "registry" in wanted:
        _registry()
    if "timeline" in wanted:
        _timeline(chosen.seconds)


def _kernel(seconds: float) -> None:
    measured = kernel.measure(seconds)
    ours = measured[0].per_second
    print("| decisions in the kernel | a second | ours is faster by |\n|---|---:|---:|")
    for each in measured:
        print(f"| {each.name} | {each.per_second:,.0f} | {ours / each.per_second:.1f} |")
    print()


def _timeline(seconds: float) -> None:
    found = timeline.measure(seconds)
    rival = found.measured[-1].p50_ms
    print("| timeline of 20 weekday rules over 400 days | p50 ms | faster than the rival by |\n|---|---:|---:|")
    for each in found.measured:
        print(f"| {each.name} | {each.p50_ms:.1f} | {rival / each.p50_ms:.1f} |")
    print(f"\n{found.segments:,} segments: {found.timeline_kib:,.0f} KiB; with all windows kept {found.windows_kib:,.0f} KiB\n")


def _authorize(seconds: float) -> None:
    measured = authorize.measure(seconds)
    ours = measured[0].per_second
    print("| 1.6 Authorize, 200 chargers, 50 in flight | a second | p50 ms | p99 ms | ours is faster by |")
    print("|---|---:|---:|---:|---:|")
    for each in measured:
        ratio = ours / each.per_second
        print(f"| {each.name} | {each.per_second:,.0f} | {each.p50_ms:.1f} | {each.p99_ms:.1f} | {ratio:.2f} |")
    print()


def _registry() -> None:
    print("| vehicles | first start s | start s | memory MiB | one more ms | a raw row ms |\n|---:|---:|---:|---:|---:|---:|")
    for each in registry.measure():
        print(
            f"| {each.vehicles:,} | {each.first_start_s:.1f} | {each.start_s:.1f} | {each.memory_mib:.0f} "
            f"| {each.put_ms:.2f} | {each.raw_ms:.2f} |"
        )
    print()


if __name__ == "__main__":
    main()
