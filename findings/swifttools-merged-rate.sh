#!/usr/bin/env bash
# Guess: two equal bins of a light curve, merged with mergeLightCurveBins of swifttools, have the rate that each of them
#   had, and this rate lies between its own limits, however many counts they have. Help warns of many counts only
#   in that "performance may be poor", as the method of Kraft, Burrows and Nousek takes longer then.
# Package: swifttools 4.0.5, pandas 3.1.1, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: from 400 counts above the background on, the rate is too low, and soon it lies below its own lower limit:
#   500 counts become 447, 1,000 become 632, 10,000 become 2,000. The two limits are right. RateNeg is then positive,
#   the ratio SNR is wrong, too, and there is no warning. mergeUpperLimits uses the same function.
# Reason: bayesRate looks for the peak on a grid of counts and returns its place on the grid, as if the grid began at 0.
#   For many counts it begins at 20 standard deviations below them.
# Seen: per 1,000 s, two bins of 0.1 give 0.1, of 0.5 give 0.316 (+0.200, +0.168), of 5 give 1.000 (+4.050, +3.950)
#   (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'swifttools==4.0.5' 'pandas==3.1.1' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import pandas
from swifttools.ukssdc.main import bayesRate, mergeLightCurveBins

for counts in (100, 400, 500, 1000, 10000):
    lower, upper, mean = bayesRate(counts, 0, 0.683)
    print(f"{counts} counts: {mean:.1f}, limits {lower:.0f} to {upper:.0f}")
for counts in (100, 500, 5000):
    rate, error = counts / 1000, counts**0.5 / 1000
    bin_of = {"Rate": rate, "RatePos": error, "RateNeg": -error, "FracExp": 1.0, "BGrate": 0.0, "BGerr": 0.0}
    bin_of |= {"CorrFact": 1.0, "CtsInSrc": float(counts), "BGInSrc": 0.0, "Exposure": 1000.0, "Sigma": 9.0, "SNR": 9.0}
    bins = [{"Time": time, "TimePos": 500.0, "TimeNeg": -500.0, **bin_of} for time in (500.0, 1500.0)]
    new = mergeLightCurveBins(pandas.DataFrame(bins), forceRate=True)[2]
    print(f"two bins of {rate}: {new['Rate']:.3f} {new['RatePos']:+.3f} {new['RateNeg']:+.3f}")
PY
seen=$("$folder/venv/bin/python" -W ignore "$folder/show.py")
printf '%s\n' "$seen"
expected='100 counts: 100.0, limits 90 to 110
400 counts: 400.0, limits 380 to 420
500 counts: 447.2, limits 478 to 523
1000 counts: 632.5, limits 969 to 1032
10000 counts: 2000.0, limits 9900 to 10100
two bins of 0.1: 0.100 +0.007 -0.007
two bins of 0.5: 0.316 +0.200 +0.168
two bins of 5.0: 1.000 +4.050 +3.950'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
