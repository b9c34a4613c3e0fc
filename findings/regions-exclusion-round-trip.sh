#!/usr/bin/env bash
# Guess: a ds9 region file whose only region is excluded ("-circle", a background hole) comes back as excluded after
#   regions has written and read it again.
# Package: regions 0.12, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: the excluded circle comes back as an included one, so a program that honours the mark keeps the pixels that
#   were to be left out. With a second, included region in the same list the mark survives. There is no warning.
# Reason: the writer moves what all regions share into the "global" line, here include=0; the reader lets the missing sign
#   before the shape (include=1) win over the global line.
# Seen: alone: include 0 becomes 1; with another: 0 stays 0 (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'regions==0.12' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
from regions import Regions

for text in ("image\n-circle(11,11,2)\n", "image\n-circle(11,11,2)\ncircle(11,11,9)\n"):
    before = Regions.parse(text, format="ds9")
    written = before.serialize(format="ds9")
    after = Regions.parse(written, format="ds9")
    line = next(line for line in written.splitlines() if "include=0" in line)
    print(len(before), "region(s), include", before[0].meta["include"], "->", after[0].meta["include"], "by", line)
PY
seen=$("$folder/venv/bin/python" -W error "$folder/show.py")
printf '%s\n' "$seen"
expected='1 region(s), include 0 -> 1 by global include=0
2 region(s), include 0 -> 0 by circle(11.00000000,11.00000000,2.00000000) # include=0'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
