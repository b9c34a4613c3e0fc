"""Use cases: what callers and the operator ask. Each call has one transaction and one `now`."""
