#!/usr/bin/env bash
# Guess: 1,024 photons within 128 s have an error of about sqrt(1024) = 32 counts, whether a light curve is made with one
#   bin of 128 s, or with bins of 1 s or 1/64 s that are then rebinned to 128 s.
# Package: stingray 2.3.2, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: a bin's Poisson error is the half width of a confidence interval, which is 0.92 for an empty bin, and
#   rebinning adds the errors in quadrature instead of taking that of the sum. The finer the first bins, the larger the
#   error: that of 1/64 s is 2.9 times too large, most of it from bins without a photon.
# Seen: error with first bins of 128 s: 32.5; 8 s: 34.0; 1 s: 38.0; 1/8 s: 50.0; 1/64 s: 92.6 counts (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'stingray==2.3.2' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import warnings

import numpy as np
from stingray import EventList

warnings.simplefilter("ignore")
photons = EventList(time=(np.arange(1024) + 0.5) / 8, gti=[[0, 128]])
for dt in (128, 8, 1, 1 / 8, 1 / 64):
    curve = photons.to_lc(dt=dt)
    if dt < 128:
        curve = curve.rebin(128)
    print(f"bins of {dt:g} s: {curve.counts[0]:.0f} counts, error {curve.counts_err[0]:.1f}")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='bins of 128 s: 1024 counts, error 32.5
bins of 8 s: 1024 counts, error 34.0
bins of 1 s: 1024 counts, error 38.0
bins of 0.125 s: 1024 counts, error 50.0
bins of 0.015625 s: 1024 counts, error 92.6'
[ "$seen" = "$expected" ] || { printf 'changed; expected:\n%s\n' "$expected"; exit 1; }
