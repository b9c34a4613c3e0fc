"""The use cases of the service: one transaction and one reading of the clock for each call."""
