#!/usr/bin/env bash
# Guess: a column of floats written as a machine-readable table (ascii.mrt) keeps the digits of its numbers. The writer
#   chooses the format of the column from all of its values.
# Package: astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: one value that is printed with an exponent sets the number of digits for the whole column, and the values
#   without one do not count. A rate of 3.14159 next to one of 1e-05 is written as 3e+00. The written limits of the
#   column keep 3.15, and there is no warning.
# Reason: at the first exponent the writer forgets the digits found so far, and then looks at values with exponents
#   only. A list of 2021 says that precision might drop (astropy issue 12130), not that one digit may be left.
# Seen: 3.14159, 1e-05 becomes 3.0, 1e-05; 0.0012345, 2e-05 becomes 0.001, 2e-05 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import io

from astropy.table import Table

for values in ([3.14159, 0.5], [3.14159, 1e-05], [0.0012345, 2e-05], [123456.0, 2.25e-07]):
    text = io.StringIO()
    Table({"rate": values}).write(text, format="ascii.mrt")
    back = Table.read(text.getvalue(), format="ascii.mrt")["rate"].tolist()
    print(*values, "->", *back)
PY
seen=$("$folder/venv/bin/python" -W error "$folder/show.py")
printf '%s\n' "$seen"
expected='3.14159 0.5 -> 3.14159 0.5
3.14159 1e-05 -> 3.0 1e-05
0.0012345 2e-05 -> 0.001 2e-05
123456.0 2.25e-07 -> 123000.0 2.25e-07'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
