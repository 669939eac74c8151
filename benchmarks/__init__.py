"""The measurements behind docs/benchmarks.md: `python -m benchmarks` (README: make bench)."""
