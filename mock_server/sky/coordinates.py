"""Positions on the sky, as far as submissions need them: separations, names, the Sun.

Only the standard library: the server answers submissions without loading astropy. All angles in degrees, J2000.
"""

from __future__ import annotations

import math

_POLE_RA, _POLE_DEC, _NODE = 192.85948, 27.12825, 122.93192  # north Galactic pole; Galactic longitude of the celestial


def separation(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Angle between two positions [deg], exact for small ones too."""
    ra1, dec1, ra2, dec2 = map(math.radians, (*one, *other))
    half = math.sin((dec2 - dec1) / 2) ** 2 + math.cos(dec1) * math.cos(dec2) * math.sin((ra2 - ra1) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(half))))


def offset(position: tuple[float, float], radius: float, angle: float) -> tuple[float, float]:
    """Move by `radius` [deg] in direction `angle` [rad, east of north]; for a small radius."""
    ra, dec = position
    new_dec = min(max(dec + radius * math.cos(angle), -90.0), 90.0)
    return (ra + radius * math.sin(angle) / max(math.cos(math.radians(dec)), 1e-6)) % 360.0, new_dec


def galactic(position: tuple[float, float]) -> tuple[float, float]:
    """Galactic longitude and latitude."""
    ra, dec, pole = math.radians(position[0] - _POLE_RA), math.radians(position[1]), math.radians(_POLE_DEC)
    sin_b = math.sin(dec) * math.sin(pole) + math.cos(dec) * math.cos(pole) * math.cos(ra)
    east = math.cos(dec) * math.sin(ra)
    north = math.sin(dec) * math.cos(pole) - math.cos(dec) * math.sin(pole) * math.cos(ra)
    longitude = (_NODE - math.degrees(math.atan2(east, north))) % 360.0
    return longitude, math.degrees(math.asin(min(1.0, max(-1.0, sin_b))))


def sun(mjd: float) -> tuple[float, float]:
    """Position of the Sun, good to 0.01 deg."""
    days = mjd - 51544.5
    anomaly = math.radians(357.528 + 0.9856003 * days)
    longitude = math.radians(280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439)
    ra = math.degrees(math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude))) % 360.0
    return ra, math.degrees(math.asin(math.sin(tilt) * math.sin(longitude)))


def sexagesimal(position: tuple[float, float]) -> tuple[str, str]:
    """Write a position as ``22 22 47.64`` and ``-07 31 04.4``, the way result files do."""
    centiseconds = round(position[0] % 360.0 / 15 * 360000) % (24 * 360000)
    tenths = round(abs(position[1]) * 36000)
    ra = f"{centiseconds // 360000:02d} {centiseconds // 6000 % 60:02d} {centiseconds % 6000 / 100:05.2f}"
    sign = "-" if position[1] < 0 else "+"
    return ra, f"{sign}{tenths // 36000:02d} {tenths // 600 % 60:02d} {tenths % 600 / 10:04.1f}"
