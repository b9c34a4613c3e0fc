#!/usr/bin/env bash
# Guess: a function that makes two arrays of a whole XRT image (4 MB each) and drops them costs the same page faults
#   whatever ran before it; a program that once made a larger array (8 MB) is at best as fast as one that never did.
# Package: numpy 2.4.6, Python 3.11, on Linux with glibc
# Behaviour: without the larger array each call faults in about all pages of its arrays again, with it none. Saving
#   memory (counting pixels without the 8 MB of bincount) therefore made an image slower.
# Reason: numpy takes large arrays from malloc. Freeing the first array of a size raises the sizes from which glibc maps
#   memory of its own, and twice that from which it gives memory back: 8 MB after arrays of 4 MB, which two of them
#   reach at every call; 16 MB after one of 8 MB, which they never reach.
# Seen: faults a call, over 20 calls: 1929 without, 0 with the larger array (2026-11-30)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import resource
import sys

import numpy as np


def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def image():
    exposure = np.full((1000, 1000), 1.0, np.float32)
    turned = exposure.astype(">f4")
    return exposure.sum() + turned.sum()


if sys.argv[1] == "larger":
    np.full((1000, 1000), 1.0)
for _ in range(3):
    image()
before = faults()
for _ in range(20):
    image()
each = (faults() - before) / 20
print(sys.argv[1], "above 1000" if each > 1000 else "below 50" if each < 50 else each)
PY
seen=$(for first in nothing larger; do "$folder/venv/bin/python" "$folder/show.py" "$first"; done)
printf '%s\n' "$seen"
expected='nothing above 1000
larger below 50'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
