#!/usr/bin/env bash
# Guess: gammapy and sherpa read the same response (RMF) as the same matrix, whether its channels are counted from 0 or
#   from 1. TLMINn of F_CHAN says which, and a file counted from 1 is the format's default.
# Package: gammapy 2.1, against sherpa 4.19.0; regions 0.11, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: gammapy takes F_CHAN as an index from 0 and ignores TLMINn. A matrix counted from 1 is read one channel too
#   high against its own energy axis, without a warning. Only a file whose rows reach the last channel is noticed: it
#   fails with a ValueError about array shapes.
# Reason: gammapy writes its own files from 0, so its round trips agree. EBOUNDS.CHANNEL is not consulted either.
# Seen: counted from 0: both peak at 0.75 keV; counted from 1: sherpa 0.75 keV, gammapy 1.25 keV (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'gammapy==2.1' 'regions==0.11' 'sherpa==4.19.0' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import logging
import sys

import numpy as np
from astropy.io import fits
from gammapy.irf import EDispKernel

logging.disable(logging.WARNING)
from sherpa.astro import ui  # noqa: E402

folder = sys.argv[1]
edges = np.array([0.5, 1.0, 1.5, 2.0, 2.5])  # keV, of four channels


def write(path: str, first: int) -> None:
    """One energy bin whose photons fall into the first two channels, 90 % and 10 %."""
    start, width = np.array([[first, 0]]), np.array([[2, 0]])
    matrix = fits.BinTableHDU.from_columns(
        [
            fits.Column("ENERG_LO", "E", unit="keV", array=[0.5]),
            fits.Column("ENERG_HI", "E", unit="keV", array=[1.0]),
            fits.Column("N_GRP", "I", array=[1]),
            fits.Column("F_CHAN", "2I", array=start),
            fits.Column("N_CHAN", "2I", array=width),
            fits.Column("MATRIX", "2E", array=np.array([[0.9, 0.1]])),
        ],
        name="MATRIX",
    )
    bounds = fits.BinTableHDU.from_columns(
        [
            fits.Column("CHANNEL", "I", array=np.arange(4) + first),
            fits.Column("E_MIN", "E", unit="keV", array=edges[:-1]),
            fits.Column("E_MAX", "E", unit="keV", array=edges[1:]),
        ],
        name="EBOUNDS",
    )
    common = {"HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE", "HDUVERS": "1.3.0", "CHANTYPE": "PI", "DETCHANS": 4}
    matrix.header.update(common | {"HDUCLAS2": "RSP_MATRIX", "TLMIN4": first, "TLMAX4": first + 3})
    bounds.header.update(common | {"HDUCLAS2": "EBOUNDS", "TLMIN1": first, "TLMAX1": first + 3})
    for hdu in (matrix, bounds):
        hdu.header.update({"TELESCOP": "SWIFT", "INSTRUME": "XRT", "FILTER": "NONE"})
    fits.HDUList([fits.PrimaryHDU(), matrix, bounds]).writeto(path)


middle = (edges[:-1] + edges[1:]) / 2
for first in (0, 1):
    path = f"{folder}/{first}.rmf"
    write(path, first)
    sherpa = ui.unpack_rmf(path).apply_rmf(np.array([1.0]))
    gammapy = EDispKernel.read(path).pdf_matrix[0]
    print("from", first, "sherpa", middle[np.argmax(sherpa)], "gammapy", middle[np.argmax(gammapy)])
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder" 2>/dev/null)
printf '%s\n' "$seen"
expected='from 0 sherpa 0.75 gammapy 0.75
from 1 sherpa 0.75 gammapy 1.25'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
