#!/usr/bin/env bash
# Guess: a light curve whose bins have 12 counts over a background of 10 is rebinned with a minimum signal to noise ratio
#   of 5 into bins of 63 old ones, the least for which (counts - background) / sqrt(background) is 5. Each new bin but the
#   last keeps the minimum, as the function promises.
# Package: astro-gdt 2.2.3, numpy 2.4.6, Python 3.11
# Behaviour: while bins are added, the ratios of all shorter sums are added up, too, and their total is compared with the
#   minimum. New bins are far too short: with a minimum of 5 they have 1.41, with 20 they have 2.28. Nothing is said, and
#   a rate that looks variable at "5 sigma a bin" may be noise.
# Seen: minimum 5: 5 old bins a new one, ratio 1.41; minimum 20: 13 old bins, ratio 2.28 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astro-gdt==2.2.3' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import numpy as np
from gdt.core.binning.binned import rebin_by_snr
from gdt.core.data_primitives import TimeBins

number, counts, background = 195, 12, 10
edges = np.arange(number + 1.0)
curve = TimeBins(np.full(number, counts), edges[:-1], edges[1:], np.ones(number))
for minimum in (5, 20):
    made = curve.rebin(rebin_by_snr, np.full(number, float(background)), minimum)
    widths = np.round(made.hi_edges - made.lo_edges)[:-1]
    ratios = (made.counts[:-1] - background * widths) / np.sqrt(background * widths)
    print(f"minimum {minimum}: {np.median(widths):.0f} old bins a new one, ratio {np.median(ratios):.2f}")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='minimum 5: 5 old bins a new one, ratio 1.41
minimum 20: 13 old bins a new one, ratio 2.28'
[ "$seen" = "$expected" ] || { printf 'changed; expected:\n%s\n' "$expected"; exit 1; }
