#!/usr/bin/env bash
# Guess: a spectrum with errors of 1 in each channel, smoothed over five channels with specutils (box_smooth), has
#   errors of 1 / sqrt(5) = 0.45. Its help promises standard propagation of errors, without covariance.
# Package: specutils 2.4.0, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: the errors are 2.24: smoothing makes them larger, by the square root of the number of channels, where it
#   makes the scatter smaller by the same factor. They are too large by five, so a line seems five times less
#   significant. gaussian_smooth and trapezoid_smooth do the same; all three kinds of uncertainty do. Nothing is said.
# Reason: the squared kernel is applied to the inverse of the variance instead of to the variance. A report of 2026 that
#   the kernel was not squared (specutils issue 1301) was answered with the square alone.
# Seen: scatter 0.45, error 2.24 for box_smooth; 0.37 and 2.66 for gaussian_smooth (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'specutils==2.4.0' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import warnings

import astropy.units as u
import numpy as np
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty

warnings.simplefilter("ignore")
from specutils import Spectrum  # noqa: E402
from specutils.manipulation import box_smooth, gaussian_smooth, trapezoid_smooth  # noqa: E402

noise = np.random.default_rng(1).normal(100, 1, 200000) * u.count
axis = np.linspace(0.3, 10, 200000) * u.keV
warnings.simplefilter("error")
for kind in (StdDevUncertainty, VarianceUncertainty, InverseVariance):
    spectrum = Spectrum(flux=noise, spectral_axis=axis, uncertainty=kind(np.ones(200000)))
    for smooth, width in ((box_smooth, 5), (gaussian_smooth, 2), (trapezoid_smooth, 5)):
        new = smooth(spectrum, width)
        scatter = np.std(new.flux.value[1000:-1000])
        error = new.uncertainty.represent_as(StdDevUncertainty).array[1000]
        print(kind.__name__, smooth.__name__, f"scatter {scatter:.2f}, error {error:.2f}")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='StdDevUncertainty box_smooth scatter 0.45, error 2.24
StdDevUncertainty gaussian_smooth scatter 0.37, error 2.66
StdDevUncertainty trapezoid_smooth scatter 0.39, error 2.56
VarianceUncertainty box_smooth scatter 0.45, error 2.24
VarianceUncertainty gaussian_smooth scatter 0.37, error 2.66
VarianceUncertainty trapezoid_smooth scatter 0.39, error 2.56
InverseVariance box_smooth scatter 0.45, error 2.24
InverseVariance gaussian_smooth scatter 0.37, error 2.66
InverseVariance trapezoid_smooth scatter 0.39, error 2.56'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
