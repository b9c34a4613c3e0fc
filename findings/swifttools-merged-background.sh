#!/usr/bin/env bash
# Guess: bins of a light curve, merged with mergeLightCurveBins of swifttools, keep their background: two equal bins
#   with a BGerr of 0.001 give 0.001 / sqrt(2) = 0.00071, one bin alone keeps its 0.001, and a row that is inserted into the
#   light curve has the columns of the light curve.
# Package: swifttools 4.0.5, pandas 3.1.1, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: the error of the background is too small by the square root of the exposure in seconds, a factor of 32 for
#   bins of 1,000 s. In the light curve itself the new row has neither background nor error (NaN), and a later merge
#   with that row takes its background as 0: 0.0033 instead of 0.01. Nothing is said.
# Reason: the square of each error is multiplied by the exposure where its square is needed. The new row calls its
#   columns BGRate and BGErr; light curves of the same package have BGrate and BGerr.
# Seen: two bins 0.0000224, one bin 0.0000316, inserted row nan nan, merged with a third bin BGRate 0.0033
#   instead of 0.01 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'swifttools==4.0.5' 'pandas==3.1.1' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import pandas
from swifttools.ukssdc.main import mergeLightCurveBins

columns = "Time TimePos TimeNeg Rate RatePos RateNeg FracExp BGrate BGerr CorrFact CtsInSrc BGInSrc Exposure Sigma SNR"
values = (500.0, -500.0, 0.02, 0.0047, -0.0047, 1.0, 0.01, 0.001, 1.0, 20.0, 0.5, 1000.0, 9.0, 4.0)
curve = pandas.DataFrame([(time, *values) for time in (500.0, 1500.0, 2500.0)], columns=columns.split())


def show(name, new):
    print(f"{name}: {new['BGRate']:.4f} {new['BGErr']:.7f}")


show("two bins", mergeLightCurveBins(curve, rows=curve["Time"] < 2000)[2])
show("one bin", mergeLightCurveBins(curve, rows=curve["Time"] < 1000)[2])
mergeLightCurveBins(curve, rows=curve["Time"] < 2000, insert=True, remove=True)
print(curve[["Time", "Exposure", "BGrate", "BGerr"]].to_string(index=False))
show("with the third", mergeLightCurveBins(curve)[2])
PY
seen=$("$folder/venv/bin/python" -W ignore "$folder/show.py")
printf '%s\n' "$seen"
expected='two bins: 0.0100 0.0000224
one bin: 0.0100 0.0000316
  Time  Exposure  BGrate  BGerr
1000.0    2000.0     NaN    NaN
2500.0    1000.0    0.01  0.001
with the third: 0.0033 0.0000105'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
