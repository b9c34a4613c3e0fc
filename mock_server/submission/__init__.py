"""The parameters that a submission may have: read, check and fill in."""
