#!/usr/bin/env bash
# Guess: Table.read masks the cells of a scaled column whose stored number is TNULLn, and no others, as the FITS standard
#   says (TNULLn is the stored number, before TSCALn and TZEROn).
# Package: astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: TNULLn is compared with the scaled value. With TSCAL1 = 0.1 and TNULL1 = -999 a missing cell is read as the
#   valid value -99.9, and a measured -999.0 (stored -9990) is masked. There is no warning. The same column without
#   TSCAL1 is read as the standard says.
# Reason: the mask is made after the scaling. Both errors need scale and null together, which few tests have.
# Seen: scaled [-99.9, 1.0, None], plain [None, 10, -9990] (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import sys

import numpy as np
from astropy.io import fits
from astropy.table import Table

path = sys.argv[1]
stored = np.array([-999, 10, -9990], dtype="i2")
columns = [fits.Column("SCALED", "I", array=stored), fits.Column("PLAIN", "I", array=stored)]
table = fits.BinTableHDU.from_columns(columns)
table.header["TSCAL1"] = 0.1
table.header["TNULL1"] = -999
table.header["TNULL2"] = -999
table.writeto(path)

back = Table.read(path)
for name in back.colnames:
    print(name, [cell if cell is None else round(cell, 6) for cell in back[name].tolist()])
PY
seen=$("$folder/venv/bin/python" -W error "$folder/show.py" "$folder/table.fits")
printf '%s\n' "$seen"
expected='SCALED [-99.9, 1.0, None]
PLAIN [None, 10, -9990]'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
