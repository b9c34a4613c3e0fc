#!/usr/bin/env bash
# Guess: gammapy scales the background of a PHA file as OGIP says: by the ratio of BACKSCAL, of AREASCAL and of
#   EXPOSURE. A background of the same counts from twice the time is half as strong.
# Package: gammapy 2.1, regions 0.11, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: SpectrumDatasetOnOff.read uses the ratio of BACKSCAL only. EXPOSURE and AREASCAL of the background file are
#   not read. A blank-sky or longer background is subtracted too strongly, without a warning.
# Reason: its on and off spectra are those of one observation, with one live time; the reader takes only counts and
#   BACKSCAL from the background file.
# Seen: source 100, background 40, ratio of BACKSCAL 1/4: excess 90 for a background of 1000 s, of 2000 s, and of
#   AREASCAL 2; OGIP gives 90, 95 and 95 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'gammapy==2.1' 'regions==0.11' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import logging
import os
import sys
import warnings

import numpy as np
from astropy.io import fits

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
from gammapy.datasets import SpectrumDatasetOnOff  # noqa: E402

os.chdir(sys.argv[1])
bins = 4
edges = 0.5 + 0.5 * np.arange(bins + 1)  # keV
mission = {"TELESCOP": "SWIFT", "INSTRUME": "XRT", "FILTER": "NONE"}


def table(name: str, columns: list, **header: object) -> fits.BinTableHDU:
    hdu = fits.BinTableHDU.from_columns([fits.Column(c, f, unit=u, array=a) for c, f, u, a in columns], name=name)
    hdu.header.update(mission | {"HDUCLASS": "OGIP"} | header)
    return hdu


def write(path: str, *tables: fits.BinTableHDU) -> None:
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path, overwrite=True)


channel = ("CHANNEL", "I", None, np.arange(bins))
bounds = table(
    "EBOUNDS",
    [channel, ("E_MIN", "E", "keV", edges[:-1]), ("E_MAX", "E", "keV", edges[1:])],
    HDUCLAS1="RESPONSE", HDUCLAS2="EBOUNDS", HDUVERS="1.2.0", CHANTYPE="PI", DETCHANS=bins,
)  # fmt: skip


def spectrum(path: str, counts: int, back: float, exposure: float = 1000.0, area: float = 1.0, **names: str) -> None:
    columns = [
        channel,
        ("COUNTS", "J", "count", [counts] * bins),
        ("QUALITY", "I", None, [0] * bins),
        ("BACKSCAL", "E", None, [back] * bins),
    ]
    header = {"HDUCLAS1": "SPECTRUM", "HDUVERS": "1.2.1", "CHANTYPE": "PI", "DETCHANS": bins, "TLMIN1": 0}
    header |= {"EXPOSURE": exposure, "AREASCAL": area, "CORRSCAL": 1.0, "POISSERR": True, "OBS_ID": "1"}
    write(path, table("SPECTRUM", columns, **header, **names), bounds)


energies = [("ENERG_LO", "E", "keV", edges[:-1]), ("ENERG_HI", "E", "keV", edges[1:])]
areas = [*energies, ("SPECRESP", "E", "cm**2", [100.0] * bins)]
write("s.arf", table("SPECRESP", areas, HDUCLAS1="RESPONSE", HDUCLAS2="SPECRESP"))
first = np.column_stack([np.arange(bins), np.zeros(bins, dtype=int)])
rows = [
    *energies,
    ("N_GRP", "I", None, [1] * bins),
    ("F_CHAN", "2I", None, first),
    ("N_CHAN", "2I", None, [[1, 0]] * bins),
    ("MATRIX", "2E", None, [[1.0, 0.0]] * bins),
]
matrix = table("MATRIX", rows, HDUCLAS1="RESPONSE", HDUCLAS2="RSP_MATRIX", CHANTYPE="PI", DETCHANS=bins, TLMIN4=0)
write("s.rmf", matrix, bounds)
spectrum("s.pha", 100, 1.0, BACKFILE="b.pha", RESPFILE="s.rmf", ANCRFILE="s.arf")
for exposure, scale in ((1000.0, 1.0), (2000.0, 1.0), (1000.0, 2.0)):
    spectrum("b.pha", 40, 4.0, exposure, scale)
    excess = SpectrumDatasetOnOff.read("s.pha").excess.data.ravel()[0]
    ogip = 100 - 40 * (1 / 4) * (1000 / exposure) * (1 / scale)
    print(f"background {exposure:.0f} s AREASCAL {scale:.0f}: gammapy {excess:.1f} OGIP {ogip:.1f}")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder" 2>/dev/null)
printf '%s\n' "$seen"
expected='background 1000 s AREASCAL 1: gammapy 90.0 OGIP 90.0
background 2000 s AREASCAL 1: gammapy 90.0 OGIP 95.0
background 1000 s AREASCAL 2: gammapy 90.0 OGIP 95.0'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
