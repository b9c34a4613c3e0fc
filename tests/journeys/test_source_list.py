"""Source lists reach both clients: every band, every value a number that can be one."""

from __future__ import annotations

import pytest
from swifttools.ukssdc import xrt_prods as official

import xrt_client
from mock_server import Simulator

# the official client asks distutils for versions
pytestmark = pytest.mark.filterwarnings("ignore:distutils Version classes are deprecated:DeprecationWarning")

ME = "me@example.org"


@pytest.mark.parametrize("client", [official, xrt_client], ids=["swifttools", "xrt_client"])
def test_a_source_list_has_the_asked_bands_and_numbers(client):
    with Simulator() as simulator, simulator.intercept():
        request = client.XRTProductRequest(ME, silent=True)
        request.setGlobalPars(name="M82", getTargs=True)
        request.addSourceDet(whichData="user", useObs="2014-02-01-2014-03-01", whichBands="all")
        assert request.submit(), request.submitError
        simulator.clock.advance(86400)
        assert request.complete
        bands = request.retrieveSourceList(returnData=True)
    assert {"Total", "Soft", "Medium", "Hard"} <= set(bands)
    for source in bands["Total"]:
        assert isinstance(source["sno"], int)
        assert 0 <= source["ra"] <= 360
        assert source["err90"] >= 3.5
