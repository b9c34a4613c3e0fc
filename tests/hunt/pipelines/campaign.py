"""With `xrt_client.Campaign`, which does the rest."""

import sys

import xrt_client

requests = []
for name in ("GRB 060729", "GRB 070616", "GRB 080319B"):
    request = xrt_client.XRTProductRequest("me@example.org", silent=True)
    request.setGlobalPars(name=name, getCoords=True, getTargs=True, centroid=False, useSXPS=False)
    request.addLightCurve(binMeth="obsid")
    requests.append(request)

campaign = xrt_client.Campaign("me@example.org", requests, out="data", max_active=2)
try:
    print(campaign.run())
except xrt_client.XRTError as error:
    sys.exit(f"stopped, and left {sorted(campaign.ledger.entries)} unfinished: {error}")
failed = [entry.key for entry in campaign.ledger.entries.values() if entry.stage != "done"]
sys.exit(f"failed: {failed}" if failed else 0)
