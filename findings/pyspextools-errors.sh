#!/usr/bin/env bash
# Guess: a spectrum of counts converted from OGIP to SPEX has the same signal to noise ratio in each channel (the square
#   root of its counts, without a background), whether the file says POISSERR or gives the errors in a STAT_ERR column,
#   and whatever AREASCAL is: it scales a rate and its error alike.
# Package: pyspextools 0.7.1, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: counts are divided by the exposure, the STAT_ERR column of the same spectrum is not: errors are too large by
#   the exposure in seconds, a thousand here. A rate is divided by AREASCAL, its error by the square root of AREASCAL:
#   with 0.25 each channel seems twice as significant. Nothing is said, and the rates themselves are right.
# Seen: 100, 25, 16 and 4 counts in 1000 s have ratios of 10, 5, 4, 2; with STAT_ERR 0.01, 0.005, 0.004, 0.002; with
#   AREASCAL 0.25 20, 10, 8, 4 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'pyspextools==0.7.1' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import sys

import numpy as np
from astropy.io import fits
from astropy.io.fits import Column
from pyspextools.io import Pha, Rmf
from pyspextools.io.convert import pha_to_spo

folder, number = sys.argv[1], 4
channels, edges = np.arange(1, number + 1), np.array([0.3, 1, 2, 5, 10])
common = {"TELESCOP": "MISSION", "INSTRUME": "CCD", "FILTER": "NONE", "CHANTYPE": "PI", "DETCHANS": number}


def write_response(path):
    rows = np.array([*[np.ones(1, "f4")] * number, None], dtype=object)[:-1]
    energies = [Column("ENERG_LO", "E", "keV", array=edges[:-1]), Column("ENERG_HI", "E", "keV", array=edges[1:])]
    places = [Column("N_GRP", "I", array=[1] * number), Column("F_CHAN", "I", array=channels)]
    sizes = [Column("N_CHAN", "I", array=[1] * number), Column("MATRIX", "PE()", array=rows)]
    matrix = fits.BinTableHDU.from_columns(energies + places + sizes, name="MATRIX")
    matrix.header.update(common | {"HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE", "HDUCLAS2": "RSP_MATRIX"})
    matrix.header.update({"HDUCLAS3": "REDIST", "HDUVERS": "1.3.0", "TLMIN4": 1, "TLMAX4": number, "LO_THRES": 0.0})
    matrix.header.update({"NUMGRP": number, "NUMELT": number})
    bounds = [Column("CHANNEL", "I", array=channels), Column("E_MIN", "E", "keV", array=edges[:-1])]
    bounds.append(Column("E_MAX", "E", "keV", array=edges[1:]))
    limits = fits.BinTableHDU.from_columns(bounds, name="EBOUNDS")
    limits.header.update(common | {"HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE", "HDUCLAS2": "EBOUNDS"})
    limits.header["HDUVERS"] = "1.2.0"
    fits.HDUList([fits.PrimaryHDU(), matrix, limits]).writeto(path)


def write_spectrum(path, poisson, area):
    counts = np.array([100, 25, 16, 4])
    columns = [Column("CHANNEL", "I", array=channels), Column("COUNTS", "J", "count", array=counts)]
    if not poisson:
        columns.append(Column("STAT_ERR", "E", "count", array=np.sqrt(counts)))
    table = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
    table.header.update(common | {"HDUCLASS": "OGIP", "HDUCLAS1": "SPECTRUM", "HDUCLAS2": "TOTAL"})
    table.header.update({"HDUCLAS3": "COUNT", "HDUVERS": "1.2.1", "EXPOSURE": 1000.0, "POISSERR": poisson})
    table.header.update({"AREASCAL": area, "BACKSCAL": 1.0, "CORRSCAL": 1.0, "SYS_ERR": 0, "QUALITY": 0})
    table.header.update(dict.fromkeys(("BACKFILE", "CORRFILE", "RESPFILE", "ANCRFILE"), "NONE") | {"GROUPING": 0})
    table.writeto(path, overwrite=True)


write_response(f"{folder}/a.rmf")
response, spectrum = Rmf(), Pha()
response.read(f"{folder}/a.rmf")
for poisson, area in ((True, 1.0), (False, 1.0), (True, 0.25)):
    write_spectrum(f"{folder}/a.pha", poisson, area)
    spectrum.read(f"{folder}/a.pha")
    made = pha_to_spo(spectrum, response)
    print("POISSERR" if poisson else "STAT_ERR", area, *(f"{ratio:g}" for ratio in made.ochan / made.dochan))
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder")
printf '%s\n' "$seen"
expected='POISSERR 1.0 10 5 4 2
STAT_ERR 1.0 0.01 0.005 0.004 0.002
POISSERR 0.25 20 10 8 4'
[ "$seen" = "$expected" ] || { printf 'changed; expected:\n%s\n' "$expected"; exit 1; }
