#!/usr/bin/env bash
# Guess: with a limit of one call in 10 s, calls that are 10 s apart are all allowed, whichever library or strategy
#   counts them, and a call at the moment that the library names as the end of the limit is allowed. Simulated time
#   moves by whole seconds, so that tests meet this moment all the time.
# Package: limits 5.8.0, pyrate-limiter 4.5.1, ratelimit 2.2.1, freezegun 1.5.5, Python 3.11
# Behaviour: the moving window and the sliding counter of limits, and pyrate-limiter as it comes, refuse each second call.
#   The fixed windows of limits and ratelimit allow all. At its own reset_time the moving window says that one call is
#   left (get_window_stats and test), and then refuses it (hit). A poll of a job every 10 s becomes one every 20 s.
# Reason: a call that is exactly one period old still counts when the next one is to be entered. The numbers that limits
#   reports come from another search in the list, which finds one call less.
# Seen: allowed of 7: fixed window 7, ratelimit 7, moving window 4, sliding counter 4, pyrate-limiter 4; at the reset time
#   remaining 1, test True, hit False (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'limits==5.8.0' 'pyrate-limiter==4.5.1' 'ratelimit==2.2.1' 'freezegun==1.5.5'
cat > "$folder/show.py" <<'PY'
import time
from collections.abc import Callable

import freezegun
import limits
import pyrate_limiter
import ratelimit

START = "2005-01-01"
ITEM = limits.RateLimitItemPerSecond(1, 10)


def with_limits(strategy: type) -> Callable[[], object]:
    limiter = strategy(limits.storage.MemoryStorage())
    return lambda: limiter.hit(ITEM, "poll")


def with_ratelimit() -> Callable[[], object]:
    return ratelimit.limits(calls=1, period=10, clock=time.monotonic, raise_on_limit=False)(lambda: True)


def with_pyrate_limiter() -> Callable[[], object]:
    limiter = pyrate_limiter.Limiter(pyrate_limiter.Rate(1, 10 * pyrate_limiter.Duration.SECOND))
    return lambda: limiter.try_acquire("poll", blocking=False)


def allowed(make: Callable[[], Callable[[], object]]) -> int:
    count = 0
    with freezegun.freeze_time(START) as clock:
        call = make()
        for _ in range(7):
            count += bool(call())
            clock.tick(10)
    return count


print("fixed window", allowed(lambda: with_limits(limits.strategies.FixedWindowRateLimiter)))
print("ratelimit", allowed(with_ratelimit))
print("moving window", allowed(lambda: with_limits(limits.strategies.MovingWindowRateLimiter)))
print("sliding counter", allowed(lambda: with_limits(limits.strategies.SlidingWindowCounterRateLimiter)))
print("pyrate-limiter", allowed(with_pyrate_limiter))
with freezegun.freeze_time(START) as clock:
    limiter = limits.strategies.MovingWindowRateLimiter(limits.storage.MemoryStorage())
    limiter.hit(ITEM, "poll")
    reset, _ = limiter.get_window_stats(ITEM, "poll")
    clock.tick(reset - time.time())
    left = limiter.get_window_stats(ITEM, "poll").remaining
    print("at reset_time:", "remaining", left, "test", limiter.test(ITEM, "poll"), "hit", limiter.hit(ITEM, "poll"))
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='fixed window 7
ratelimit 7
moving window 4
sliding counter 4
pyrate-limiter 4
at reset_time: remaining 1 test True hit False'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
