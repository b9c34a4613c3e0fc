#!/usr/bin/env bash
# Guess: a table with one masked cell in an integer column, written to FITS and read again, has the same masked cell.
#   The null number that stands for it (TNULLn) is one that the column does not hold.
# Package: astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: the null number is 999999 cut to the width of the column, whatever the column holds: 63 in one byte, 16959 in
#   two. Each valid 63 (a flag byte with its six low bits set) or 16959 is missing after the round trip, without a
#   warning. A MaskedColumn without one masked cell (as a join leaves behind) loses them too. Only a fill_value set by
#   hand, outside the data, keeps them.
# Reason: numpy's default fill value for integers is cast to the column's type. That wide columns lose a true 999999 is on
#   record (astropy issue 14693); that narrow columns lose small, common numbers is not.
# Seen: uint8 [63, --, 3] becomes [--, --, 3], int16 [16959, --, 3] becomes [--, --, 3]; [63, 2, 3] becomes [--, 2, 3]
#   (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import sys

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table

path = sys.argv[1]
for kind, value in (("uint8", 63), ("int16", 16959)):
    for masked, fill in ((True, None), (True, 255), (False, None)):
        cells = np.array([value, 2, 3], dtype=kind)
        column = MaskedColumn(cells, mask=[False, masked, False], fill_value=fill)
        Table({"flag": column}).write(path, format="fits", overwrite=True)
        back = Table.read(path)["flag"].tolist()
        print(kind, back, "TNULL", fits.getheader(path, 1).get("TNULL1"))
PY
seen=$("$folder/venv/bin/python" -W error "$folder/show.py" "$folder/table.fits")
printf '%s\n' "$seen"
expected='uint8 [None, None, 3] TNULL 63
uint8 [63, None, 3] TNULL 255
uint8 [None, 2, 3] TNULL 63
int16 [None, None, 3] TNULL 16959
int16 [16959, None, 3] TNULL 255
int16 [None, 2, 3] TNULL 16959'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
