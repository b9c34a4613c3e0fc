#!/usr/bin/env bash
# Guess: two packages made for Swift turn a mission elapsed time, seconds since 2001-01-01 UTC, into the same UTC, and
#   both turn the epoch of GRB 200416A, 608713541.952 s, into 2020-04-16T07:05:36.952: five leap seconds lie between.
# Package: swiftbat 0.1.7, astro-gdt-swift 1.0.1, Python 3.11
# Behaviour: swiftbat's default counts days of 86,400 s and leaves the leap seconds out; its correction, which is for the
#   clock of the spacecraft, has to be asked for, and needs a file that the package does not have. gdt counts leap seconds
#   and has no correction of the clock. So a time that one package made and the other reads is off by five seconds.
# Seen: swiftbat 2020-04-16T07:05:41.952, gdt 2020-04-16T07:05:36.952; back and forth -5.000 s (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'swiftbat==0.1.7' 'astro-gdt-swift==1.0.1'
cat > "$folder/show.py" <<'PY'
from astropy.time import Time
from gdt.missions.swift import time as _  # registers the format "swift"
from swiftbat import datetime2met, met2datetime

met = 608713541.952
print("swiftbat", met2datetime(met).isoformat(timespec="milliseconds"))
print("gdt", Time(met, format="swift").utc.isot)
print(f"back and forth {datetime2met(Time(met, format='swift').utc.datetime) - met:+.3f} s")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" 2> "$folder/err") || { cat "$folder/err"; exit 1; }
printf '%s\n' "$seen"
expected='swiftbat 2020-04-16T07:05:41.952
gdt 2020-04-16T07:05:36.952
back and forth -5.000 s'
[ "$seen" = "$expected" ] || { printf 'changed; expected:\n%s\n' "$expected"; exit 1; }
