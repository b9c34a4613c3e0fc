"""Rules about one call and its answer that OpenAPI cannot express. Pure: an exchange in, findings out.

Rules that need earlier calls are in `contracts.history`.
"""

from . import answers, contents, echoes, requests
from .registry import RULES, Finding, Rule, distinct, findings, kind_of

__all__ = ["RULES", "Finding", "Rule", "answers", "contents", "distinct", "echoes", "findings", "kind_of", "requests"]
