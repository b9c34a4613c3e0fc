"""The command `xrt-mock`."""
