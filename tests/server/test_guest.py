"""What a guest decides by itself: its place, what counts as Python, which hosts are its own machine."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from mock_server.run import guest
from mock_server.transport.intercept import RealServiceError

LINK: Any = SimpleNamespace(welcome=SimpleNamespace(hosts=("www.swift.ac.uk",), open_net=False))
OPEN_LINK: Any = SimpleNamespace(welcome=SimpleNamespace(hosts=("www.swift.ac.uk",), open_net=True))


@pytest.mark.parametrize("number", [(0,), (3,), (0, 2, 1000001)])
def test_a_place_survives_the_environment(number):
    assert guest.read(guest.spell(number)) == number


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "LOCALHOST.", ""])
def test_this_machine_is_open(host):
    guest._check_host(host, LINK)


@pytest.mark.parametrize("host", ["example.org", "192.0.2.1", "8.8.8.8", "2001:db8::1", "127.0.0.1.example.org"])
def test_other_machines_are_closed_unless_the_net_is_open(host):
    with pytest.raises(guest.OutsideRefusedError, match="--allow-net"):
        guest._check_host(host, LINK)
    guest._check_host(host, OPEN_LINK)


@pytest.mark.parametrize("host", ["www.swift.ac.uk", "WWW.SWIFT.AC.UK."])
def test_the_real_service_is_closed_always(host):
    for link in (LINK, OPEN_LINK):
        with pytest.raises(RealServiceError, match="simulated here"):
            guest._check_host(host, link)


def script(folder, first_line):
    path = folder / "script"
    path.write_text(f"{first_line}\n")
    path.chmod(0o755)
    return [str(path)]


def test_python_is_known_by_its_name():
    assert guest._is_python([sys.executable, "-c", "pass"], {})
    assert guest._is_python(["anything"], {"executable": sys.executable})
    assert not guest._is_python(["sh", "-c", "exit"], {})
    assert not guest._is_python(["no-such-program-anywhere"], {})
    assert not guest._is_python("python script.py", {"shell": True})


@pytest.mark.parametrize(
    ("first_line", "is_python"),
    [("#!/usr/bin/env python3", True), (f"#!{sys.executable}", True), ("#!/bin/sh", False), ("print('python')", False)],
)
def test_a_script_is_known_by_its_first_line(tmp_path, first_line, is_python):
    assert guest._is_python(script(tmp_path, first_line), {}) is is_python
