#!/usr/bin/env bash
# Guess: regions reads the mark of an excluded shape ("!CIRCLE") in a FITS REGION table, as event files of X-ray
#   missions have, whatever optional columns the table has.
# Package: regions 0.12, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: with the optional column COMPONENT the mark is dropped without a warning, and the excluded circle is an
#   included one. Without that column it is kept. The component number is what ties "!CIRCLE" to the shape that it
#   cuts, so tables with excluded shapes usually have it.
# Reason: the component replaces the metadata that hold the mark instead of being added to them.
# Seen: without COMPONENT include 1 0, 192 pixels; with COMPONENT include 1 1, 241 pixels (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'regions==0.12' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import sys

import numpy as np
from astropy.io import fits
from regions import Regions

path = sys.argv[1]
for component in (False, True):
    columns = [
        fits.Column("SHAPE", "16A", array=["CIRCLE", "!CIRCLE"]),
        fits.Column("X", "1D", unit="pixel", array=[20.0, 20.0]),
        fits.Column("Y", "1D", unit="pixel", array=[20.0, 20.0]),
        fits.Column("R", "1D", unit="pixel", array=[8.9, 4.1]),
        fits.Column("ROTANG", "1D", unit="deg", array=[0.0, 0.0]),
    ]
    if component:
        columns.append(fits.Column("COMPONENT", "J", array=[1, 1]))
    table = fits.BinTableHDU.from_columns(columns, name="REGION")
    table.header.update({"HDUCLASS": "ASC", "HDUCLAS1": "REGION", "HDUCLAS2": "STANDARD"})
    table.header.update({"MTYPE1": "pos", "MFORM1": "X,Y"})
    table.writeto(path, overwrite=True)

    kept = np.zeros((40, 40), dtype=bool)
    marks = []
    for region in Regions.read(path, format="fits"):
        inside = region.to_mask(mode="center").to_image(kept.shape) > 0
        marks.append(region.meta.get("include", 1))
        kept = kept | inside if marks[-1] else kept & ~inside
    print("COMPONENT" if component else "no COMPONENT", "include", *marks, "pixels", kept.sum())
PY
seen=$("$folder/venv/bin/python" -W error "$folder/show.py" "$folder/region.fits")
printf '%s\n' "$seen"
expected='no COMPONENT include 1 0 pixels 192
COMPONENT include 1 1 pixels 241'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
