#!/usr/bin/env bash
# Guess: a catalogue read from a VOTable, corrected, and written again keeps the corrected numbers, whatever the field's
#   "precision" attribute says: it describes the digits of the numbers that were sent.
# Package: astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: the attribute goes with the column and rounds all that is written later in the default VOTable form
#   (TABLEDATA), without a warning. A position moved by 1.5 arcsec is back where it was. The binary forms of VOTable,
#   ECSV and CSV write the number in full.
# Reason: precision becomes the format for printing the column when it is read, and is used again when it is written.
# Seen: 10.123 + 0.00042 is 10.12342 in the table; TABLEDATA 10.123, all others 10.12342 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import io
import sys

from astropy.table import Table

path = sys.argv[1]
text = """<?xml version="1.0"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results"><TABLE>
<FIELD name="ra" datatype="double" unit="deg" precision="3"/>
<DATA><TABLEDATA><TR><TD>10.123</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""
votable = [("votable", {"tabledata_format": form}) for form in ("tabledata", "binary", "binary2")]
for form, options in [("votable", {}), *votable, ("ascii.ecsv", {}), ("ascii.csv", {})]:
    table = Table.read(io.BytesIO(text.encode()), format="votable")
    table["ra"] = table["ra"] + 0.00042
    table.write(path, format=form, overwrite=True, **options)
    print(form, *options.values(), round(table["ra"][0], 6), "->", round(Table.read(path, format=form)["ra"][0], 6))
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder/catalogue")
printf '%s\n' "$seen"
expected='votable 10.12342 -> 10.123
votable tabledata 10.12342 -> 10.123
votable binary 10.12342 -> 10.12342
votable binary2 10.12342 -> 10.12342
ascii.ecsv 10.12342 -> 10.12342
ascii.csv 10.12342 -> 10.12342'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
