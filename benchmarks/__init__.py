"""Benchmarks against rivals, each pair in one run: `make bench`. The ratios count, not the machine's own speed."""
