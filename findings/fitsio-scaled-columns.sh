#!/usr/bin/env bash
# Guess: fitsio applies TSCALn and TZEROn of an integer column as the FITS standard says, like astropy: stored
#   100, 200, 300 with TSCAL1 = 0.1 are read as 10, 20, 30. The neighbour column is not touched.
# Package: fitsio 1.4.2 (its own cfitsio 4.6.0), against astropy 8.0.2; numpy 2.4.6, Python 3.11
# Behaviour: the two-byte integers are taken for the bytes of float32 numbers, without an error or a warning. The scaled
#   column becomes tiny numbers near 1e-40. When the whole table is read, the column after it is wrong too, because each
#   row is taken to be longer than it is.
# Reason: the type of the array comes from the scaled type (float32), but the bytes are copied unconverted. An offset
#   alone (unsigned integers) keeps the width, so the usual tables hide this.
# Seen: astropy S=[10.0, 20.0, 30.0] P=[1, 2, 3]; fitsio S: 0 of 3 right, P begins [200, 3]; one column:
#   0 of 3 right (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'fitsio==1.4.2' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import sys

import fitsio
import numpy as np
from astropy.io import fits

path = sys.argv[1]
stored = np.array([100, 200, 300], dtype="i2")
table = fits.BinTableHDU.from_columns(
    [
        fits.Column("S", "I", array=stored),
        fits.Column("P", "I", array=np.array([1, 2, 3], dtype="i2")),
    ]
)
table.header["TSCAL1"] = 0.1
table.writeto(path)

true = [10.0, 20.0, 30.0]
with fits.open(path) as file:
    data = file[1].data
    print("astropy", np.round(data["S"], 6).tolist(), data["P"].tolist())
whole = fitsio.read(path, ext=1)
print("fitsio table", np.isclose(whole["S"], true).sum(), whole["P"][:2].tolist())
print("fitsio column", np.isclose(fitsio.read(path, ext=1, columns="S"), true).sum())
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder/scaled.fits")
printf '%s\n' "$seen"
expected='astropy [10.0, 20.0, 30.0] [1, 2, 3]
fitsio table 0 [200, 3]
fitsio column 0'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
