"""Facts on disk or in memory; the only package that imports SQL."""
