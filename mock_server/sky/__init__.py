"""The objects that can be observed, and when they were observed."""
