"""Tells users how their program treated the service: courtesy report, limits, timeline."""
