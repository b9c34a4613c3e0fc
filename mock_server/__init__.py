"""A stateful simulator of the Swift-XRT product generator."""
