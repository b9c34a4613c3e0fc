#!/usr/bin/env bash
# Guess: the mean of a column of counts (whole numbers without a unit) that aggregate_downsample of astropy gives for
#   each bin, its default, is the mean: 0.5 for 0 and 1. The same numbers as floats, or with a unit, give the same.
# Package: astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: the mean of whole numbers is cut to a whole number, without a warning. A faint source with 0, 1, 0, 1, ...
#   counts has a rate of 0. Any function of aggregate_func is cut, so a standard deviation is, too.
# Reason: the new column gets the type of the old one before the means are put into it. A column with a unit holds
#   floats from the start, which hides this.
# Seen: counts 0 1 0 2 9 9 9 8 in bins of two: int 0 1 9 8, float and with a unit 0.5 1 9 8.5 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import warnings

import astropy.units as u
import numpy as np
from astropy.time import Time
from astropy.timeseries import TimeSeries, aggregate_downsample

warnings.simplefilter("error")
counts = np.array([0, 1, 0, 2, 9, 9, 9, 8])
start = Time(51910, format="mjd", scale="tt")
series = TimeSeries(time=start + np.arange(0.5, 8) * u.s)
series["int"] = counts
series["float"] = counts.astype(float)
series["unit"] = counts * u.count
for function in (None, np.std):
    bins = aggregate_downsample(series, time_bin_start=start, time_bin_size=2 * u.s, aggregate_func=function)
    for name in ("int", "float", "unit"):
        print("mean" if function is None else "std", name, *(f"{float(v):g}" for v in np.asarray(bins[name])))
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='mean int 0 1 9 8
mean float 0.5 1 9 8.5
mean unit 0.5 1 9 8.5
std int 0 1 0 0
std float 0.5 1 0 0.5
std unit 0.5 1 0 0.5'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
