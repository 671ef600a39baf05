"""Reports as Parquet files, written by a separate process (ADR 0044)."""
