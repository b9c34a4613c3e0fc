#!/usr/bin/env bash
# Guess: a light curve that goes from stingray to lightkurve and back, or the other way round, keeps its numbers. Each
#   of the two packages has a method for both directions, to_... and from_..., made for the other one. A cycle of an
#   hour stays a cycle of an hour.
# Package: lightkurve 2.5.1, stingray 2.3.2, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: each pair of methods changes the numbers, without an error. stingray hands over counts in a bin and
#   takes back the same flux as a rate: in bins of 120 s 12 counts are 1,440 afterwards, with an error of 479.
#   lightkurve hands over a rate and takes back counts. It counts time in days, and gives its days to stingray as if
#   they were seconds: a flux of 1,000 comes back as 1.39, and a cycle of an hour has a frequency of 24.
# Reason: the two methods of a package are not the reverse of each other, and only stingray's change days to seconds.
# Seen: in bins of 120 s, both ways by stingray 12 counts become 1,440 and a flux of 1,000 becomes 120,000; both ways by
#   lightkurve 1,440 and 1.389; there by stingray and back by lightkurve 0.01667 counts in bins of 0.001389; a cycle of
#   an hour 0.0002778 by stingray, 24 by lightkurve (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'lightkurve==2.5.1' 'stingray==2.3.2' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import warnings

import numpy as np

warnings.simplefilter("ignore")
from lightkurve import LightCurve  # noqa: E402
from stingray import Lightcurve, Powerspectrum  # noqa: E402


def short(*values):
    return " ".join(f"{float(value):.4g}" for value in values)


time = np.arange(60, 864000, 120.0)
counts = Lightcurve(time, np.full(time.size, 12.0), dt=120.0, gti=[[0, 864000]], mjdref=51910.0)
flux = LightCurve(time=51910 + time / 86400, time_format="mjd", flux=np.full(time.size, 1000.0), flux_err=time * 0 + 5)
to_lightkurve = {"stingray": Lightcurve.to_lightkurve, "lightkurve": LightCurve.from_stingray}
to_stingray = {"stingray": Lightcurve.from_lightkurve, "lightkurve": LightCurve.to_stingray}
for there in to_lightkurve:
    for back in to_stingray:
        new = to_stingray[back](to_lightkurve[there](counts))
        print("12 counts, there by", there, "back by", back, short(new.counts[5], new.counts_err[5], new.dt))
for there in to_stingray:
    for back in to_lightkurve:
        new = to_lightkurve[back](to_stingray[there](flux))
        print("flux 1000, there by", there, "back by", back, short(new.flux.value[5], new.flux_err.value[5]))
flux.flux += 50 * np.sin(2 * np.pi * time / 3600) * flux.flux.unit
for there in to_stingray:
    spectrum = Powerspectrum(to_stingray[there](flux), norm="none")
    print("a cycle of an hour, there by", there, short(spectrum.freq[np.argmax(spectrum.power)]))
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" 2> "$folder/errors") || { cat "$folder/errors"; exit 1; }
printf '%s\n' "$seen"
expected='12 counts, there by stingray back by stingray 1440 478.5 120
12 counts, there by stingray back by lightkurve 0.01667 0.005538 0.001389
12 counts, there by lightkurve back by stingray 1.244e+08 4.134e+07 1.037e+07
12 counts, there by lightkurve back by lightkurve 1440 478.5 120
flux 1000, there by stingray back by stingray 1.2e+05 600
flux 1000, there by stingray back by lightkurve 1.2e+05 600
flux 1000, there by lightkurve back by stingray 1.389 0.006944
flux 1000, there by lightkurve back by lightkurve 1.389 0.006944
a cycle of an hour, there by stingray 0.0002778
a cycle of an hour, there by lightkurve 24'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
