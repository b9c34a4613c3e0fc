#!/usr/bin/env bash
# Guess: a test that freezes the time and makes a pyrate-limiter with a new SQLite bucket, without naming a file, begins
#   with an empty bucket, however often it runs. So it does without frozen time.
# Package: pyrate-limiter 4.5.1, freezegun 1.5.5, time-machine 3.6.0, Python 3.11
# Behaviour: the second run of the test finds the calls of the first one in the bucket, and all of its own are refused.
#   That holds for two tests with the same date, for two limiters in one test, and for the same test a day later: it
#   passes once, until the temporary folder is emptied. It is so with both libraries for frozen time.
# Reason: the name of the default file in the temporary folder is made of the time alone, and the file stays there.
# Seen: 3 calls of 3 allowed, in each of two runs without frozen time; frozen: 3, then 0 (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'pyrate-limiter==4.5.1' 'freezegun==1.5.5' 'time-machine==3.6.0'
cat > "$folder/show.py" <<'PY'
import contextlib
import sys

import freezegun
import pyrate_limiter
import time_machine

frozen = {
    "none": contextlib.nullcontext,
    "freezegun": lambda: freezegun.freeze_time("2005-01-01"),
    "time-machine": lambda: time_machine.travel("2005-01-01T12:00Z", tick=False),
}
with frozen[sys.argv[1]]():
    rate = pyrate_limiter.Rate(3, pyrate_limiter.Duration.MINUTE)
    limiter = pyrate_limiter.Limiter(pyrate_limiter.SQLiteBucket.init_from_file([rate]))
    print(sys.argv[1], sum(bool(limiter.try_acquire("submit", blocking=False)) for _ in range(3)))
PY
mkdir "$folder/temporary"
seen=$(for name in none none freezegun freezegun time-machine time-machine; do
    TMPDIR="$folder/temporary" "$folder/venv/bin/python" "$folder/show.py" "$name"
done)
printf '%s\n' "$seen"
expected='none 3
none 3
freezegun 3
freezegun 0
time-machine 3
time-machine 0'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
