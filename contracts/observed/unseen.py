"""Rules that no exchange can show, with the reason of each."""

from __future__ import annotations

from .registry import UNSEEN

_CONTENTS = "it is about the contents of archives, of which a recording keeps names and digests"
_PRINTED = "it is about what is printed in the documentation"
_SKY = "whether a name, a place or an observation is real does not show in an exchange"

UNSEEN |= {
    **dict.fromkeys(("P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P13", "P14"), _CONTENTS),
    **dict.fromkeys(("P15", "P16", "P17", "P18", "P19", "P20", "P21", "L12", "L13"), _CONTENTS),
    **dict.fromkeys(("C13", "C14"), _PRINTED),
    "C30": "lengths change with the stand-ins, and there is no rule",
    "C31": "it is about the client; the server's answers are those of the other rules",
    **dict.fromkeys(("S10", "S23"), _SKY),
    "S11": "the archive grows in weeks; no exchange says what it holds",
    "S2": "it needs an operator who changes the retention",
    "U33": "a recording has stand-ins for addresses, the same for capitals and small letters",
    "U36": "a recording keeps answers decoded, without their layout",
}
