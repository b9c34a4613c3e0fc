"""Fixed questions to a server, each with the answer that the contract demands. Nothing here depends on chance.

:func:`examine` sends them to a WSGI app or a base URL. The rules of `checks` and the memory of `history` check every
exchange. Questions about time need the simulator's control interface and are skipped without it. Findings of the
`everyday` questions are sentences for readers who do not know the wire format.
"""

from . import everyday, living, results, submitting, wire
from .asking import ALL, PROBES, ROOT, Examination, examine

__all__ = ["ALL", "PROBES", "ROOT", "Examination", "everyday", "examine", "living", "results", "submitting", "wire"]
