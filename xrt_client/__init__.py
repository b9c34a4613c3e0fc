"""A light client for the Swift-XRT product generator."""

from .campaign import Campaign
from .errors import (
    ContractBroken,
    LocalFailure,
    ProductFailed,
    RequestInvalid,
    RequestTypeInvalid,
    ServiceRejected,
    ServiceUnreachable,
    WaitTimeout,
    XRTError,
)
from .product import ProductRequest
from .request import XRTProductRequest, countActiveJobs, listOldJobs
from .retry import RetryPolicy
from .transport import Service

__all__ = [
    "Campaign",
    "ContractBroken",
    "LocalFailure",
    "ProductFailed",
    "ProductRequest",
    "RequestInvalid",
    "RequestTypeInvalid",
    "RetryPolicy",
    "Service",
    "ServiceRejected",
    "ServiceUnreachable",
    "WaitTimeout",
    "XRTError",
    "XRTProductRequest",
    "countActiveJobs",
    "listOldJobs",
]
