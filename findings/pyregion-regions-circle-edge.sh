#!/usr/bin/env bash
# Guess: pyregion and regions select the same pixels for the same ds9 file. Both take a pixel when its centre lies in
#   the region, and both give the same mask for boxes, ellipses and polygons.
# Package: pyregion 2.3.0, regions 0.12, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: for a circle they differ by the pixels whose centres lie exactly on the edge: pyregion takes them, regions
#   does not. That needs a whole radius in pixels around a whole pixel, which is how people write extraction regions.
#   The difference is 4 to 20 pixels for radii up to 25; both count no pixel twice in a circle and its annulus.
# Reason: one tests with "less or equal", the other with "less". ds9 files do not say which is meant.
# Seen: radius 5: 81 and 69; radius 20: 1257 and 1245; radius 10.3: 341 and 341 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'pyregion==2.3.0' 'regions==0.12' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import pyregion
from regions import Regions

shape = (100, 100)


def with_pyregion(text: str):
    return pyregion.parse(text).get_mask(shape=shape)


def with_regions(text: str):
    return Regions.parse(text, format="ds9")[0].to_mask(mode="center").to_image(shape) > 0


texts = [f"circle(50,50,{radius})" for radius in (5, 20, 25, 10.3)]
texts += ["ellipse(50,50,9.7,30.2,30)", "box(50,50,10,30,30)"]
for text in texts:
    print(text, with_pyregion(f"image\n{text}").sum(), with_regions(f"image\n{text}").sum())
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='circle(50,50,5) 81 69
circle(50,50,20) 1257 1245
circle(50,50,25) 1961 1941
circle(50,50,10.3) 341 341
ellipse(50,50,9.7,30.2,30) 925 925
box(50,50,10,30,30) 301 301'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
