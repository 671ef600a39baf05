"""Reports as Parquet files, written by a process of their own (ADR 0044)."""
