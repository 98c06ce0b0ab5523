"""Benchmarks: each prints one JSON line with a ratio against a peer in the same run."""
