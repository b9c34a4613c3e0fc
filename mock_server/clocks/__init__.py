"""Simulated time: system, scaled and virtual clocks, in memory or kept in a database."""
