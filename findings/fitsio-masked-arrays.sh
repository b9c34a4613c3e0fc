#!/usr/bin/env bash
# Guess: fitsio writes a masked cell of a numpy masked array as missing (NaN for floats, a null number for integers), or
#   refuses masked arrays. astropy does the former for a masked table.
# Package: fitsio 1.4.2, against astropy 8.0.2; numpy 2.4.6, Python 3.11
# Behaviour: fitsio writes what lies under the mask. A rate that was masked as bad is a measured rate for every reader
#   of the file. No warning, for tables and images alike.
# Reason: a masked array is an array for fitsio, and its mask is never looked at.
# Seen: masked 99 in an image: fitsio 99; in a table: fitsio 99, astropy missing (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'fitsio==1.4.2' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import sys

import fitsio
import numpy as np
from astropy.table import Table

path = sys.argv[1]
rates = np.ma.array([1.5, 99.0, 2.5], mask=[False, True, False])
counts = np.ma.array([15, 99, 25], mask=[False, True, False])
Table({"RATE": rates, "COUNTS": counts}).write(path, format="fits", overwrite=True)
print("astropy", *(Table.read(path)[name].tolist() for name in ("RATE", "COUNTS")))
fitsio.write(path, [rates, counts], names=["RATE", "COUNTS"], clobber=True)
print("fitsio", *(Table.read(path)[name].tolist() for name in ("RATE", "COUNTS")))
fitsio.write(path, rates, clobber=True)
print("fitsio image", fitsio.read(path).tolist())
PY
seen=$("$folder/venv/bin/python" -W error "$folder/show.py" "$folder/rates.fits")
printf '%s\n' "$seen"
expected='astropy [1.5, None, 2.5] [15, None, 25]
fitsio [1.5, 99.0, 2.5] [15, 99, 25]
fitsio image [1.5, 99.0, 2.5]'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
