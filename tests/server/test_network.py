"""Which hosts a program in a run may reach."""

import pytest

from mock_server.run.network import OutsideRefusedError, check_host
from mock_server.transport.guard import RealServiceError
from tests.tools.asserting import no_exception

SIMULATED = ("www.swift.ac.uk",)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "LOCALHOST.", "", b"localhost"])
def test_this_machine_is_open(host):
    with no_exception():
        check_host(host, SIMULATED, open_net=False)


@pytest.mark.parametrize("host", ["example.org", "192.0.2.1", "8.8.8.8", "2001:db8::1", "127.0.0.1.example.org"])
def test_other_machines_are_closed_unless_the_net_is_open(host):
    with pytest.raises(OutsideRefusedError, match="--allow-net"):
        check_host(host, SIMULATED, open_net=False)
    check_host(host, SIMULATED, open_net=True)


@pytest.mark.parametrize("host", ["www.swift.ac.uk", "WWW.SWIFT.AC.UK."])
@pytest.mark.parametrize("open_net", [False, True])
def test_the_real_service_is_always_closed(host, open_net):
    with pytest.raises(RealServiceError, match="simulated here"):
        check_host(host, SIMULATED, open_net)
