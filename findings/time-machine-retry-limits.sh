#!/usr/bin/env bash
# Guess: under time-machine, with a sleep that moves the clock, a retry library with a limit of 60 s and a wait of 10 s
#   gives up after 60 s of moved time and 7 tries, whichever library it is. So it does under freezegun.
# Package: time-machine 3.6.0, freezegun 1.5.5, tenacity 9.2.1, stamina 26.1.0, backoff 2.2.1, retrying 1.4.2,
#   Python 3.11
# Behaviour: under time-machine tenacity and stamina never come to their limit, because they measure it with
#   time.monotonic, which time-machine leaves alone. backoff and retrying measure with the date and give up as guessed.
#   freezegun moves both clocks. A test of a time limit passes or not by the pair of libraries.
# Reason: time-machine moves the clocks of the calendar only. The script ends each run after 20 tries.
# Seen: time-machine: backoff 7, retrying 7, tenacity 20, stamina 20 tries; freezegun: 7 for all (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'time-machine==3.6.0' 'freezegun==1.5.5' 'tenacity==9.2.1' 'stamina==26.1.0' \
    'backoff==2.2.1' 'retrying==1.4.2'
cat > "$folder/show.py" <<'PY'
import datetime
import time
from collections.abc import Callable
from unittest import mock

import backoff
import freezegun
import retrying
import stamina
import tenacity
import time_machine

start = datetime.datetime(2005, 1, 1, tzinfo=datetime.timezone.utc)
tries = 0


class Enough(Exception):
    """Ends a run that would go on for ever."""


def ask() -> None:
    global tries
    tries += 1
    raise Enough if tries == 20 else OSError


def with_backoff() -> None:
    backoff.on_exception(backoff.constant, OSError, interval=10, max_time=60, jitter=None)(ask)()


def with_retrying() -> None:
    again = lambda error: isinstance(error, OSError)  # noqa: E731
    retrying.Retrying(wait_fixed=10_000, stop_max_delay=60_000, retry_on_exception=again).call(ask)


def with_tenacity() -> None:
    again = tenacity.retry_if_exception_type(OSError)
    stop, wait = tenacity.stop_after_delay(60), tenacity.wait_fixed(10)
    tenacity.Retrying(stop=stop, wait=wait, retry=again, sleep=lambda seconds: time.sleep(seconds))(ask)


def with_stamina() -> None:
    waits = {"wait_initial": 10, "wait_max": 10, "wait_jitter": 0}
    stamina.retry(on=OSError, attempts=None, timeout=60, **waits)(ask)()


def count(run: Callable[[], None], move: Callable[[float], object]) -> int:
    global tries
    tries = 0
    with mock.patch("time.sleep", move):
        try:
            run()
        except (OSError, Enough, tenacity.RetryError):
            pass
    return tries


stamina.instrumentation.set_on_retry_hooks([])
for run in (with_backoff, with_retrying, with_tenacity, with_stamina):
    with time_machine.travel(start, tick=False) as traveller:
        moved = count(run, traveller.shift)
    with freezegun.freeze_time(start) as frozen:
        ticked = count(run, frozen.tick)
    print(run.__name__, "time-machine", moved, "freezegun", ticked)
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='with_backoff time-machine 7 freezegun 7
with_retrying time-machine 7 freezegun 7
with_tenacity time-machine 20 freezegun 7
with_stamina time-machine 20 freezegun 7'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
