"""Fixed questions to a server, each with the answer the contract demands: the part of the suite that needs no chance.

:func:`examine` runs them against a WSGI app or a base URL, and every exchange also passes the rules of `checks` and the
memory of `history`. Questions about time need the simulator's control interface; without it they are left out.
What the `everyday` questions find is said in sentences that need no knowledge of the wire.
"""

from . import everyday, living, results, submitting, wire
from .asking import ALL, PROBES, ROOT, Examination, examine

__all__ = ["ALL", "PROBES", "ROOT", "Examination", "everyday", "examine", "living", "results", "submitting", "wire"]
