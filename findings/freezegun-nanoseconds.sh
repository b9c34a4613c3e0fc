#!/usr/bin/env bash
# Guess: under freezegun time.time_ns() is the frozen moment in nanoseconds, exactly: the same microseconds as
#   datetime.now() and as the moment that was frozen. time-machine does so.
# Package: freezegun 1.5.5, against time-machine 3.6.0; Python 3.11
# Behaviour: time_ns() is off by up to 128 ns. Where it is early, cutting it to milliseconds gives the millisecond
#   before, although the frozen moment is a whole one. A name or a key made from time_ns() does not match the one made
#   from datetime.now().
# Reason: the value goes through a float of seconds times a thousand million, whose steps are 256 ns here.
# Seen: of 100 whole milliseconds freezegun gives 36 as the one before, time-machine none (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'freezegun==1.5.5' 'time-machine==3.6.0'
cat > "$folder/show.py" <<'PY'
import datetime
import time

import freezegun
import time_machine

ways = {
    "freezegun": freezegun.freeze_time,
    "time-machine": lambda moment: time_machine.travel(moment, tick=False),
}
start = datetime.datetime(2005, 1, 1, tzinfo=datetime.timezone.utc)
for name, freeze in ways.items():
    offsets, other = [], 0
    for step in range(100):
        moment = start + datetime.timedelta(milliseconds=step)
        with freeze(moment):
            nanoseconds = time.time_ns()
            assert datetime.datetime.now(datetime.timezone.utc) == moment
        true = 1_104_537_600_000 + step  # milliseconds since 1970
        offsets.append(nanoseconds - true * 1_000_000)
        other += nanoseconds // 1_000_000 == true - 1
    print(name, "from", min(offsets), "to", max(offsets), "ns, millisecond before", other, "of 100")
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='freezegun from -128 to 128 ns, millisecond before 36 of 100
time-machine from 0 to 0 ns, millisecond before 0 of 100'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
