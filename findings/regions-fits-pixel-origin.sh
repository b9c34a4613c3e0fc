#!/usr/bin/env bash
# Guess: regions gives the same region for X = 500 in a FITS REGION table and for 500 in a ds9 file in image
#   coordinates. Both formats count the first pixel as 1, and regions counts it as 0, so both become 499.
# Package: regions 0.12, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: the ds9 file becomes 499, the FITS table stays 500. A region converted from FITS to ds9, or back, moves by
#   one pixel in both directions of the image (3.3 arcsec on the diagonal for Swift-XRT), without a warning.
# Reason: only the ds9 reader and writer subtract and add 1. A FITS round trip agrees with itself, which hides it.
# Seen: ds9 499.0, FITS 500.0; from FITS to ds9 circle(501.00000000,501.00000000,20.00000000) (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'regions==0.12' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import sys

from astropy.io import fits
from regions import Regions

path = sys.argv[1]
columns = [
    fits.Column("SHAPE", "16A", array=["CIRCLE"]),
    fits.Column("X", "1D", unit="pixel", array=[500.0]),
    fits.Column("Y", "1D", unit="pixel", array=[500.0]),
    fits.Column("R", "1D", unit="pixel", array=[20.0]),
    fits.Column("ROTANG", "1D", unit="deg", array=[0.0]),
]
table = fits.BinTableHDU.from_columns(columns, name="REGION")
table.header.update({"HDUCLASS": "ASC", "HDUCLAS1": "REGION", "HDUCLAS2": "STANDARD"})
table.header.update({"MTYPE1": "pos", "MFORM1": "X,Y"})
table.writeto(path)

from_ds9 = Regions.parse("image\ncircle(500,500,20)\n", format="ds9")
from_fits = Regions.read(path, format="fits")
print("ds9", from_ds9[0].center.x, "FITS", from_fits[0].center.x)
print("FITS to ds9", from_fits.serialize(format="ds9").split()[-1])
print("ds9 to FITS", from_ds9.serialize(format="fits")["X"][0].value)
PY
seen=$("$folder/venv/bin/python" -W error "$folder/show.py" "$folder/region.fits")
printf '%s\n' "$seen"
expected='ds9 499.0 FITS 500.0
FITS to ds9 circle(501.00000000,501.00000000,20.00000000)
ds9 to FITS 499.0'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
