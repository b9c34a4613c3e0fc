"""Runs an unmodified program in simulated time."""
