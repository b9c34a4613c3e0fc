"""A light client for the Swift-XRT product generator."""
