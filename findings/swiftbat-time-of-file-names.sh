#!/usr/bin/env bash
# Guess: the time 2020-04-16 07:05:41 UTC is read from each of the four usual ways to write it: as in a FITS header, with
#   Z, with an offset (09:05:41+02:00), and as in names of files (20200416_070541); or a way that is not known is refused.
# Package: swiftbat 0.1.7, Python 3.11
# Behaviour: in a file's name the five digits 07054 are taken for a second of the day and the sixth is left out, so the
#   time is five hours early. An offset is left out, so the time is two hours late. Neither is refused, nor said.
# Seen: 07:05:41, 07:05:41, 09:05:41, 01:57:34 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'swiftbat==0.1.7'
cat > "$folder/show.py" <<'PY'
from swiftbat import string2datetime

for text in ("2020-04-16T07:05:41", "2020-04-16T07:05:41Z", "2020-04-16T09:05:41+02:00", "20200416_070541"):
    print(f"{text}: {string2datetime(text)}")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='2020-04-16T07:05:41: 2020-04-16 07:05:41
2020-04-16T07:05:41Z: 2020-04-16 07:05:41
2020-04-16T09:05:41+02:00: 2020-04-16 09:05:41
20200416_070541: 2020-04-16 01:57:34'
[ "$seen" = "$expected" ] || { printf 'changed; expected:\n%s\n' "$expected"; exit 1; }
