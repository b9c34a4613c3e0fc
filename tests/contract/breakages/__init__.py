"""All breakages; each module registers its own."""

from tests.contract.broken import BREAKAGES

from . import cancelling, files, history, lists, rebinning, results, status, submissions, wire

__all__ = [
    "BREAKAGES",
    "cancelling",
    "files",
    "history",
    "lists",
    "rebinning",
    "results",
    "status",
    "submissions",
    "wire",
]
