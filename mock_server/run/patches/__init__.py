"""Replaces the waiting functions of Python with ones that wait on the simulated clock."""
