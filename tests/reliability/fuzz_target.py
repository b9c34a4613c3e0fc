"""What atheris calls with bytes that it changes as the simulator's code is covered: a program of its own.

    python fuzz_target.py CORPUS -max_total_time=1800 -timeout=20 -rss_limit_mb=2048

libFuzzer ends it at the first exception, at an answer that takes 20 seconds, or at 2 GiB.
"""

import functools
import itertools
import json
import sys
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # without installing anything

import atheris

with atheris.instrument_imports(include=["mock_server"], enable_loader_override=False):
    from mock_server import Simulator
    from mock_server.transport.wsgi_call import Request, ask

SERVICE = "https://www.swift.ac.uk"
OPERATIONS = (
    *("run_userobject", "canceljob", "checkProductStatus", "getNumJobs", "listOldJobs", "getOldProduct"),
    *(f"tprods/get{what}" for what in ("PSFPos", "EnhPos", "XastromPos", "SourceDetResults", "LCData", "SpecData")),
)
PATHS = (
    *(f"/user_objects/{operation}.php" for operation in OPERATIONS),
    *("/API/main.php", "/user_objects/tprods/USERPROD_1", "/user_objects/tprods/USERPROD_1/image.zip"),
    *("/user_objects/register.php", "/_mock/", "/_mock/jobs", "/_mock/clock/advance", "/_mock/scenario"),
)
VALID = {
    "UserID": "me@example.org", "name": "GK Per", "RA": 52.8, "Dec": 43.9, "targ": "00030842", "cent": 0, "JobID": 1,
    "lc": 1, "binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1, "spec": 1, "specz": 0, "dopsf": 1,
    "image": 1, "imen": "0.3-10", "what": "lc,spec,psf,image", "whatProg": "lc", "oldJob": 1, "api_version": "1.12",
    "getT0": 0, "sinceT0": 0, "gti1": "0-100", "rname1": "a", "timeslice": "user", "useimobs": "00030842001",
    "APIFunc": "rebinLightCurve", "objectID": 1, "seconds": 60, "values": {}, "posobstime": 12,
}  # fmt: skip
RENEWED_AFTER = 2_000
_calls = itertools.count()


def simulator() -> Simulator:
    """A simulator with one job; a new one now and then, so that nothing but leaks can fill the memory."""
    return _simulator(next(_calls) // RENEWED_AFTER)


@functools.lru_cache(maxsize=1)
def _simulator(_number: int) -> Simulator:
    made = Simulator()
    ask(made.app, Request("POST", SERVICE + PATHS[0], {}, json.dumps(VALID).encode()))
    return made


def value(data: atheris.FuzzedDataProvider) -> object:
    """Return anything that JSON can hold."""
    match data.ConsumeIntInRange(0, 7):
        case 0:
            return data.ConsumeInt(9)
        case 1:
            return data.ConsumeFloat()
        case 2:
            return data.ConsumeBool()
        case 3:
            return [value(data) for _ in range(data.ConsumeIntInRange(0, 3))]
        case 4:
            return {data.ConsumeUnicode(6): value(data)}
        case 5:
            return None
        case _:
            return data.ConsumeUnicode(40)


def body(data: atheris.FuzzedDataProvider) -> bytes:
    """Return bytes as they come, or a request that is right but for a few values."""
    if data.ConsumeProbability() < 0.2:
        return bytes(data.ConsumeBytes(400))
    request: dict[str, object] = dict(VALID)
    for _ in range(data.ConsumeIntInRange(0, 4)):
        key = data.PickValueInList([*VALID, data.ConsumeUnicode(8)])
        request[key] = value(data)
    for _ in range(data.ConsumeIntInRange(0, 3)):
        request.pop(data.PickValueInList([*VALID]), None)
    return json.dumps(request).encode("utf-8", "surrogatepass")


def one_call(given: bytes) -> None:
    """Make one call; only clear answers may come."""
    data = atheris.FuzzedDataProvider(given)
    sim = simulator()
    if data.ConsumeProbability() < 0.1:
        sim.clock.advance(data.ConsumeIntInRange(0, 10_000))
    method = data.PickValueInList(["POST", "POST", "POST", "GET"])
    path = (
        data.PickValueInList([*PATHS])
        if data.ConsumeProbability() < 0.95
        else "/" + quote(bytes(data.ConsumeBytes(30)))
    )
    answer = ask(sim.app, Request(method, SERVICE + path, {"Host": "www.swift.ac.uk"}, body(data)))
    if answer.status >= 500:
        raise AssertionError(f"{method} {path} was answered with status {answer.status}")
    if path in PATHS[: len(OPERATIONS) + 1] and not {"OK", "ERROR"} & json.loads(answer.body).keys():
        raise AssertionError(f"{method} {path} was not answered in the service's words: {answer.body[:200]!r}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_call)
    atheris.Fuzz()
