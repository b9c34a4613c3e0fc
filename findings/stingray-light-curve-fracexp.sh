#!/usr/bin/env bash
# Guess: stingray reads the bins of an OGIP light curve with the rates of the file. A bin that was exposed for a part of
#   its length (FRACEXP below 1) keeps its rate, or is left out, or is masked.
# Package: stingray 2.3.2, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: each bin with FRACEXP below 0.9 becomes a valid bin of 0 counts with its old error, although the good time
#   intervals (GTI) of the file cover it. The mean rate falls. The one warning about the file speaks of absolute times.
#   The first and the last bin of an orbit are usually exposed in part, so such bins are common.
# Reason: the reader puts zero into bins below its limit of exposure and leaves it to the GTIs to hide them; GTIs that
#   come from the file do not know of the limit.
# Seen: rates 2 2 2 2 are read as 2 0 2 2, with the GTI 0 to 40 s (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'stingray==2.3.2' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import sys
import warnings

import numpy as np
from astropy.io import fits

warnings.simplefilter("ignore")
from stingray import Lightcurve  # noqa: E402

path = sys.argv[1]
columns = [
    fits.Column("TIME", "D", unit="s", array=[5.0, 15.0, 25.0, 35.0]),
    fits.Column("RATE", "E", unit="count/s", array=[2.0] * 4),
    fits.Column("ERROR", "E", unit="count/s", array=[0.5] * 4),
    fits.Column("FRACEXP", "E", array=[1.0, 0.5, 1.0, 1.0]),
]
rates = fits.BinTableHDU.from_columns(columns, name="RATE")
rates.header.update({"TELESCOP": "SWIFT", "INSTRUME": "XRT", "MJDREFI": 51910, "MJDREFF": 7.4287037e-4})
rates.header.update({"TIMESYS": "TT", "TIMEUNIT": "s", "TIMEZERO": 0.0, "TIMEDEL": 10.0, "TIMEPIXR": 0.5})
rates.header.update({"TSTART": 0.0, "TSTOP": 40.0, "HDUCLASS": "OGIP", "HDUCLAS1": "LIGHTCURVE"})
rates.header.update({"HDUCLAS2": "NET", "HDUCLAS3": "RATE"})
interval = [fits.Column("START", "D", unit="s", array=[0.0]), fits.Column("STOP", "D", unit="s", array=[40.0])]
fits.HDUList([fits.PrimaryHDU(), rates, fits.BinTableHDU.from_columns(interval, name="GTI")]).writeto(path)

with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    curve = Lightcurve.read(path, fmt="hea")
mentions = sum("exposure" in str(warning.message).lower() for warning in heard)
print("rate", *np.round(np.asarray(curve.countrate, dtype=float), 3), "mean", round(float(curve.meanrate), 3))
print("gti", np.asarray(curve.gti, dtype=float).tolist(), "warnings about exposure", mentions)
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder/rates.lc" 2>/dev/null)
printf '%s\n' "$seen"
expected='rate 2.0 0.0 2.0 2.0 mean 1.5
gti [[0.0, 40.0]] warnings about exposure 0'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
