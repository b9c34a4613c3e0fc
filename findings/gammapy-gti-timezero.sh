#!/usr/bin/env bash
# Guess: gammapy and stingray read the same good time intervals (GTI) from the same OGIP event file. Both know
#   MJDREFI and MJDREFF, and OGIP adds the keyword TIMEZERO to each time of a table.
# Package: gammapy 2.1, against stingray 2.3.2; regions 0.11, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: gammapy ignores TIMEZERO without a warning, so its intervals are early by that number of seconds. Events
#   read with another reader then fall out of the intervals.
# Reason: the name of the keyword does not occur in the code of gammapy.
# Seen: TIMEZERO 1000: stingray 1090 to 1150 s, gammapy 90 to 150 s after the reference (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'gammapy==2.1' 'regions==0.11' 'stingray==2.3.2' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import logging
import sys
import warnings

from astropy.io import fits

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
from gammapy.data import GTI  # noqa: E402
from stingray import EventList  # noqa: E402

path = sys.argv[1]
for zero in (0.0, 1000.0):
    events = fits.BinTableHDU.from_columns(
        [fits.Column("TIME", "D", unit="s", array=[100.0, 140.0]), fits.Column("PI", "J", array=[100, 200])],
        name="EVENTS",
    )
    good = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", unit="s", array=[90.0]), fits.Column("STOP", "D", unit="s", array=[150.0])],
        name="GTI",
    )
    for hdu in (events, good):
        hdu.header.update({"TELESCOP": "SWIFT", "INSTRUME": "XRT", "MJDREFI": 51910, "MJDREFF": 7.4287037e-4})
        hdu.header.update({"TIMESYS": "TT", "TIMEREF": "LOCAL", "TIMEUNIT": "s", "TIMEZERO": zero})
        hdu.header.update({"TSTART": 90.0, "TSTOP": 150.0, "HDUCLASS": "OGIP", "HDUCLAS1": hdu.name})
    fits.HDUList([fits.PrimaryHDU(), events, good]).writeto(path, overwrite=True)

    one = EventList.read(path, fmt="hea").gti[0]
    other = GTI.read(path)
    start, stop = ((time.tt.mjd[0] - 51910.00074287037) * 86400 for time in (other.time_start, other.time_stop))
    print(f"TIMEZERO {zero:.0f} stingray {one[0]:.0f} {one[1]:.0f} gammapy {start:.0f} {stop:.0f}")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder/events.fits" 2>/dev/null)
printf '%s\n' "$seen"
expected='TIMEZERO 0 stingray 90 150 gammapy 90 150
TIMEZERO 1000 stingray 1090 1150 gammapy 90 150'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
