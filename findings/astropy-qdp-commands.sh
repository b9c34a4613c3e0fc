#!/usr/bin/env bash
# Guess: a QDP file is a list of commands for a plot with data between them, so a reader takes what it knows (`READ`), and
#   leaves out commands that only draw (`LOG X ON`, `LABEL Y Rate`, `LINE STEP`, `@name.pco`) and a comment behind a row.
#   What the writer wrote can be read again.
# Package: astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: of all commands the reader knows `READ` alone: any other one, or a comment behind a row, ends the reading, so
#   that most files made for QDP have to be cleaned first. A table with an infinite value is written as `inf`, which the
#   reader refuses as a command, too; `nan` it takes.
# Seen: commands and comment "ValueError", infinite value written and refused, nan read (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import io
import warnings

from astropy.table import Table

warnings.simplefilter("ignore")


def read(*lines):
    try:
        return f"{len(Table.read(list(lines), format='ascii.qdp', table_id=0))} rows"
    except ValueError:
        return "ValueError"


for command in ("LOG X ON", "LABEL Y Rate", "LINE STEP", "@curve.pco"):
    print(f"{command}: {read('READ SERR 1', command, '1 0.1 5', '2 0.1 6')}")
print(f"comment behind a row: {read('READ SERR 1', '1 0.1 5 ! first', '2 0.1 6')}")
for value in ("nan", "inf"):
    text = io.StringIO()
    Table({"time": [1.0, 2.0], "ratio": [float(value), 1.0]}).write(text, format="ascii.qdp")
    print(f"{value} written: {f'1.0 {value}' in text.getvalue()}, read: {read(*text.getvalue().splitlines())}")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='LOG X ON: ValueError
LABEL Y Rate: ValueError
LINE STEP: ValueError
@curve.pco: ValueError
comment behind a row: ValueError
nan written: True, read: 2 rows
inf written: True, read: ValueError'
[ "$seen" = "$expected" ] || { printf 'changed; expected:\n%s\n' "$expected"; exit 1; }
