#!/usr/bin/env bash
# Guess: a table with a SkyCoord column, written as a machine-readable table (ascii.mrt), gives the same positions when
#   it is read again. The sign of the declination has a column of its own (DE-), made for declinations such as -00 30.
# Package: astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: each declination between -1 and 0 degrees gets the sign "+". The source moves to the other side of the
#   equator, by up to two degrees, without a warning. -10.5 degrees keeps its sign.
# Reason: the sign is taken from the formatted number of whole degrees, and minus zero as an integer is zero.
# Seen: -10.5 becomes -10.5, -0.5 becomes 0.5, -0.0001 becomes 0.0001 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import io

from astropy.coordinates import SkyCoord
from astropy.table import Table

declinations = [-10.5, -0.5, -0.0001, 0.5]
text = io.StringIO()
Table({"position": SkyCoord([10.0] * 4, declinations, unit="deg")}).write(text, format="ascii.mrt")
back = Table.read(text.getvalue(), format="ascii.mrt")
for true, row in zip(declinations, back):
    parts = f"{row['DE-']}{row['DEd']}d{row['DEm']}m{row['DEs']}s"
    print(true, "->", parts, round(SkyCoord("0h40m0s", parts).dec.deg, 6))
PY
seen=$("$folder/venv/bin/python" -W error "$folder/show.py")
printf '%s\n' "$seen"
expected='-10.5 -> -10d30m0.0s -10.5
-0.5 -> +0d30m0.0s 0.5
-0.0001 -> +0d0m0.36s 0.0001
0.5 -> +0d30m0.0s 0.5'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
