"""Searches the worlds around an unmodified program for the smallest in which it breaks: `xrt-mock hunt`."""
