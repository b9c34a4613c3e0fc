"""Load generation with Locust: `xrt-mock load`."""
