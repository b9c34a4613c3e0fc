#!/usr/bin/env bash
# Guess: two tables written to QDP with the same err_specs dictionary give two files with the same READ lines.
# Package: astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: the writer empties the caller's dictionary. The second file has no READ TERR and READ SERR lines. It is
#   valid QDP, so it is read back without a warning, with each error column as a curve of its own.
# Reason: the writer takes the entries out of the dictionary that it was given instead of out of a copy; the reader
#   makes a copy. The documentation passes a literal, which hides this.
# Seen: first file col1 col1_perr col1_nerr col2 col2_err, second file col1 col2 col3 col4 col5,
#   dictionary {} (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import sys

from astropy.table import Table

folder = sys.argv[1]
curve = Table(
    rows=[(53000.5, 0.25, -0.25, 1.5, 0.3), (53001.5, 0.25, -0.25, 2.5, 0.4)],
    names=["time", "later", "earlier", "rate", "error"],
)
marks = {"terr": [1], "serr": [2]}
for name in ("first.qdp", "second.qdp"):
    curve.write(f"{folder}/{name}", format="ascii.qdp", err_specs=marks)
    back = Table.read(f"{folder}/{name}", format="ascii.qdp", table_id=0)
    print(name, *back.colnames)
print(marks)
PY
seen=$("$folder/venv/bin/python" -W error "$folder/show.py" "$folder")
printf '%s\n' "$seen"
expected='first.qdp col1 col1_perr col1_nerr col2 col2_err
second.qdp col1 col2 col3 col4 col5
{}'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
