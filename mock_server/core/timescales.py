"""Spacecraft time and the calendar: MET, UTC, MJD and simulated time. No clock here, only the drift table.

MET counts seconds of the spacecraft clock since 2001-01-01; UTC = 2001-01-01 + (MET + UTCF), in days of 86400 s.
The formats of a time are assumed (the service's page about them was not available); they include all published
examples.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH_UNIX = 978307200.0  # 2001-01-01 UTC
EPOCH_MJD = 51910.0
DAY = 86400.0
# seconds since 2001-01-01 UTC, leap seconds counted, at which a leap second had just ended
_LEAPS = tuple(
    datetime(year, month, 1, tzinfo=UTC).timestamp() - EPOCH_UNIX + count
    for count, (year, month) in enumerate(((2006, 1), (2009, 1), (2012, 7), (2015, 7), (2017, 1)), start=1)
)
_MJD_RANGE = (15000.0, 100000.0)
_JD_OFFSET = 2400000.5

_DATE_FORM = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?Z?"
_DAY_FORM = r"\d{4}-\d{3}(?:-\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_NUMBER_FORM = r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"
_INSTANT = f"{_DATE_FORM}|{_DAY_FORM}|{_NUMBER_FORM}"
_DATE, _DAY_OF_YEAR, _NUMBER = map(re.compile, (_DATE_FORM, _DAY_FORM, _NUMBER_FORM))
_RANGE = re.compile(rf"({_INSTANT})\s*-\s*({_INSTANT})")
_OBSID = re.compile(r"\d{11}")


_DRIFT = (
    (125612457.024, 0.6748),
    (132853476.608, 0.5629),
    (139472944.768, 0.4462),
    (153381581.312, 0.1667),
    (171349934.592, -0.2405),
    (196619290.0, -0.849),
    (213970161.344, -1.2885),
    (229748062.016, -1.7136),
    (245979496.0, -2.183),
    (261667048.46, -2.6666),
    (279740486.336, -3.2545),
    (295556043.968, -3.7977),
    (311714010.304, -4.3788),
    (330728915.52, -5.0933),
    (348429995.84, -5.7898),
    (366345328.448, -6.524),
    (382584700.416, -7.2182),
    (400724908.8, -8.025),
    (413814195.456, -8.6318),
    (429951733.76, -9.4061),
    (448258975.296, -10.3199),
    (461638224.0, -11.0128),
    (475077053.44, -11.7293),
    (490046032.576, -12.5504),
    (508111064.064, -13.5753),
    (524095320.576, -14.5075),
    (543635603.52, -15.6775),
    (559495364.032, -16.6457),
    (575160264.256, -17.6256),
    (593015790.656, -18.7643),
    (616333400.0, -20.2764),
    (634599611.008, -21.4791),
    (656806864.0, -22.9607),
    (679256218.176, -24.4775),
    (682063677.9, -24.81),
    (716317010.0, -27.003),
    (727202269.0, -27.748),
    (729914589.1748, -27.93396),
)
"""Drift of the spacecraft clock [s] at instants of spacecraft time [s]: UTCF plus the leap seconds so far.

The rows until 2022 reproduce 212 pairs of trigger time and UTC in NASA's table of Swift bursts within 0.006 s; the rest
are from data headers (field).
"""

_DRIFT_TIMES = tuple(met for met, _ in _DRIFT)
_DRIFT_S = tuple(drift for _, drift in _DRIFT)


def utc_offset(met: float) -> float:
    """UTCF at `met` [s]: MET plus this is UTC in seconds since 2001-01-01.

    The drift is linear between the rows of the table, and goes on with the slope of its ends outside.
    """
    times, drifts = _DRIFT_TIMES, _DRIFT_S
    k = min(max(bisect_right(times, met), 1), len(times) - 1)
    slope = (drifts[k] - drifts[k - 1]) / (times[k] - times[k - 1])
    drift = drifts[k - 1] + slope * (met - times[k - 1])
    return drift - _leap_seconds(met + drift)


def _leap_seconds(seconds: float) -> int:
    """Return the number of leap seconds after 2001 and before a moment [s since 2001, leap seconds counted]."""
    return bisect_right(_LEAPS, seconds)


def service_from_met(met: float) -> float:
    """Simulated time [s since 1970-01-01 UTC] of `met`."""
    return EPOCH_UNIX + met + utc_offset(met)


def met_from_service(now: float) -> float:
    """MET [s] of simulated time `now`: three fixed-point steps, accurate to a microsecond."""
    seconds = met = now - EPOCH_UNIX
    for _ in range(3):
        met = seconds - utc_offset(met)
    return met


def mjd_from_met(met: float) -> float:
    """MJD (UTC) of `met`."""
    return EPOCH_MJD + (met + utc_offset(met)) / DAY


@lru_cache(maxsize=1024)  # the same few dates are wanted again and again: outbursts, and ends of years
def met_from_mjd(mjd: float) -> float:
    """MET [s] of an MJD (UTC)."""
    return met_from_service(EPOCH_UNIX + (mjd - EPOCH_MJD) * DAY)


def utc_from_met(met: float) -> datetime:
    """Calendar date and time (UTC) of `met`, to the microsecond."""
    return datetime(2001, 1, 1, tzinfo=UTC) + timedelta(seconds=met + utc_offset(met))


def header_date(met: float) -> str:
    """Date and time of `met` as FITS headers have it: UTC in whole seconds, cut off, without the clock's drift (field).

    Source: headers of spectra of 2005, 2020 and 2024, whose CLOCKAPP is F. Text files have the corrected time.
    """
    return f"{datetime(2001, 1, 1) + timedelta(seconds=met - _leap_seconds(met)):%Y-%m-%dT%H:%M:%S}"


def utc_from_service(now: float) -> datetime:
    """Calendar date and time (UTC) of simulated time `now`."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=now)


def parse_instant(text: str | float, *, relative: bool = False, t0: float | None = None) -> float:
    """Return the MET [s] of a time in any of the formats that the service accepts.

    A number is an MJD (15000 to 100000), a JD (those plus 2400000.5) or a MET, depending on its size; dates are
    ``YYYY-MM-DD[Thh:mm[:ss]]`` or ``YYYY-DDD[-hh:mm[:ss]]``, UTC.

    Parameters
    ----------
    relative
        Numbers are seconds since `t0` [s, MET]; dates stay dates.

    Raises
    ------
    ValueError
        If it has none of these formats.
    """
    value = str(text).strip()
    if _DATE.fullmatch(value) or _DAY_OF_YEAR.fullmatch(value):
        return met_from_service(_calendar(value))
    if not _NUMBER.fullmatch(value):
        raise ValueError(f"`{value}` is not a time: write MET, MJD, JD, YYYY-MM-DDThh:mm:ss or YYYY-DDD-hh:mm:ss")
    number = float(value)
    if relative:
        if t0 is None:
            raise ValueError(f"`{value}` counts from T0, but there is no T0: give T0 or a date")
        return t0 + number
    low, high = _MJD_RANGE
    if low <= number < high:
        return met_from_mjd(number)
    if low <= number - _JD_OFFSET < high:
        return met_from_mjd(number - _JD_OFFSET)
    if high <= number < 1e11:
        return number
    raise ValueError(f"`{value}` is not a time: it is too small or too large for a MET, an MJD or a JD")


def _calendar(value: str) -> float:
    """Simulated time of a date, written by calendar or by day of the year."""
    try:
        if _DATE.fullmatch(value):
            return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC).timestamp()
        day, _, clock = value[5:].partition("-")
        time = datetime.fromisoformat(f"{value[:4]}-01-01T{clock or '00:00'}").replace(tzinfo=UTC)
        if not 1 <= int(day) <= 366:
            raise ValueError("day of the year")
        return (time + timedelta(days=int(day) - 1)).timestamp()
    except ValueError as error:
        raise ValueError(f"`{value}` is not a date of the calendar") from error


@dataclass(frozen=True)
class UseObs:
    """Data to use: observations by ID (eleven digits), and ranges of time (start, stop) [s, MET]."""

    obsids: tuple[str, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()


def parse_use_obs(text: str, *, relative: bool = False, t0: float | None = None) -> UseObs:
    """Read a comma-separated list of observation IDs and of ranges ``start-stop``.

    Raises
    ------
    ValueError
        If a part is neither, or a range does not end after it starts.
    """
    parts = [part.strip() for part in str(text).split(",") if part.strip()]
    if not parts:
        raise ValueError("it contains neither an observation ID nor a range of time")
    obsids, ranges = [], []
    for part in parts:
        if _OBSID.fullmatch(part):
            obsids.append(part)
            continue
        match = _RANGE.fullmatch(part)
        if match is None or _OBSID.fullmatch(match[1]) or _OBSID.fullmatch(match[2]):
            raise ValueError(f"`{part}` is neither an observation ID (eleven digits) nor a range `start-stop`")
        start, stop = (parse_instant(text, relative=relative, t0=t0) for text in match.groups())
        if not start < stop:
            raise ValueError(f"`{part}` does not end after it starts")
        ranges.append((start, stop))
    return UseObs(tuple(obsids), tuple(ranges))
