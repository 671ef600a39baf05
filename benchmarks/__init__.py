"""What is measured, against whom, in one run: `make bench`. Ratios matter; the machine's own speed does not."""
