#!/usr/bin/env bash
# Guess: Table.read(..., astropy_native=True), which turns time columns into Time by the FITS time standard, takes the
#   zero point from MJDREFI + MJDREFF, the split form of MJDREF that the standard allows and X-ray missions write.
# Package: astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: only the single keyword MJDREF is used. With the split form the zero point is MJD 0, so an event of 2001 is
#   dated 1858. The one warning speaks of the observatory position; both forms give it.
# Reason: the list of keywords that the time reader knows has MJDREF, JDREF and DATEREF but not their I and F halves; a
#   missing reference means MJD 0 in the standard, so nothing looks wrong.
# Seen: MJDREF 2001-01-02T00:01:04.184, MJDREFI and MJDREFF 1858-11-18T00:00:00.000 (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import sys
import warnings

import numpy as np
from astropy.io import fits
from astropy.table import Table

folder = sys.argv[1]
one = {"MJDREF": 51910.00074287037}
two = {"MJDREFI": 51910, "MJDREFF": 0.00074287037}
for number, reference in enumerate((one, two)):
    column = fits.Column("TIME", "D", unit="s", array=np.array([86400.0]))
    table = fits.BinTableHDU.from_columns([column], name="EVENTS")
    table.header.update({"TIMESYS": "TT", "TIMEUNIT": "s", **reference})
    path = f"{folder}/{number}.fits"
    table.writeto(path)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        time = Table.read(path, astropy_native=True)["TIME"]
    mentions = sum("MJDREF" in str(warning.message) for warning in heard)
    print(*reference, time.scale, time.isot[0], "warnings about the reference:", mentions)
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder" 2>/dev/null)
printf '%s\n' "$seen"
expected='MJDREF tt 2001-01-02T00:01:04.184 warnings about the reference: 0
MJDREFI MJDREFF tt 1858-11-18T00:00:00.000 warnings about the reference: 0'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
