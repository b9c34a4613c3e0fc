#!/usr/bin/env bash
# Guess: FluxConservingResampler of specutils gives the same values for a grid in falling order as for the same grid in
#   rising order, in reverse, as its neighbour LinearInterpolatedResampler does. If not, it refuses the grid.
# Package: specutils 2.4.0, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: each new bin gets the same value, far above the right one. Grids in falling order are what a rising grid of
#   energies becomes in wavelengths. There is no warning and no error.
# Reason: the overlap of old and new bins is computed as if all edges rose.
# Seen: rising 2 4 6 8; falling 9 9 9 9 instead of 8 6 4 2; linear 8 6 4 2 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'specutils==2.4.0' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import warnings

import astropy.units as u
import numpy as np

warnings.simplefilter("ignore")
from specutils import Spectrum  # noqa: E402
from specutils.manipulation import FluxConservingResampler, LinearInterpolatedResampler  # noqa: E402

spectrum = Spectrum(flux=np.arange(1, 11.0) * u.count, spectral_axis=np.linspace(0.5, 5.0, 10) * u.keV)
rising = np.array([1.0, 2.0, 3.0, 4.0]) * u.keV
warnings.simplefilter("error")
for resampler in (LinearInterpolatedResampler(), FluxConservingResampler()):
    name = type(resampler).__name__
    print(name, "rising", *np.round(resampler(spectrum, rising).flux.value, 6))
    print(name, "falling", *np.round(resampler(spectrum, rising[::-1]).flux.value, 6))
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='LinearInterpolatedResampler rising 2.0 4.0 6.0 8.0
LinearInterpolatedResampler falling 8.0 6.0 4.0 2.0
FluxConservingResampler rising 2.0 4.0 6.0 8.0
FluxConservingResampler falling 9.0 9.0 9.0 9.0'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
