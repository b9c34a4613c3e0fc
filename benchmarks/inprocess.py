"""Cost of a call in process, and of a new simulator for each test; beside bare Flask and moto.

    python benchmarks/inprocess.py

moto (``pip install "moto[sqs]"``) is measured if it is installed. All figures are medians of one run, taken in turns,
so that a slower machine slows all of them.
"""

from __future__ import annotations

import contextlib
import importlib
import statistics
import time
from typing import TYPE_CHECKING, Any

import requests
from flask import Flask

from mock_server import Simulator
from mock_server.clocks.virtual import VirtualClock
from mock_server.scenario.files import load_scenario
from mock_server.transport.intercept import intercept

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://www.swift.ac.uk/user_objects/getNumJobs.php"
BODY = {"UserID": "me@example.org", "api_name": "xrt_prods", "api_version": "1.12"}
ROUNDS, CALLS, SETUPS = 30, 25, 3


def bare_flask() -> Flask:
    """Return an app that answers a constant."""
    app = Flask("bare")
    app.post("/user_objects/getNumJobs.php")(lambda: {"OK": 1, "numJobs": 0, "APIVersion": "1.12"})
    return app


def post() -> None:
    """Make one call."""
    requests.post(URL, json=BODY, timeout=60).raise_for_status()


def timed(action: Callable[[], Any], times: int) -> float:
    """Return the real time that one `action` takes, over several [s]."""
    began = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - began) / times


def moto_actions() -> tuple[Callable[[], float], Callable[[], None]] | None:
    """Return a function that measures a call through moto [s], and one that enters and leaves it; None without moto."""
    try:
        boto3, mock_aws = importlib.import_module("boto3"), importlib.import_module("moto").mock_aws
    except ImportError:
        return None

    def enter() -> None:
        with mock_aws():
            pass

    def call() -> float:
        with mock_aws():
            client = boto3.client("sqs", region_name="eu-west-1", aws_access_key_id="-", aws_secret_access_key="-")
            url = client.create_queue(QueueName="jobs")["QueueUrl"]
            return timed(lambda: client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]), CALLS)

    return call, enter


def main() -> None:
    """Measure and print."""
    scenario = load_scenario("calm")
    simulator = Simulator(scenario)
    bare, clock = bare_flask(), VirtualClock(0.0)
    moto = moto_actions()
    found: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        found.setdefault(name, []).append(seconds)

    def fresh() -> None:
        with Simulator(scenario) as new, intercept(new.app, new.clock):
            pass

    for round_number in range(ROUNDS + 1):
        if round_number == 1:
            found.clear()  # the first round warms up
        with intercept(bare, clock):
            note("post, bare Flask", timed(post, CALLS))
        with intercept(simulator.app, simulator.clock):
            note("post, simulator", timed(post, CALLS))
        note("fresh simulator", timed(fresh, SETUPS))
        if moto:
            note("call, moto", moto[0]())
            note("entering moto", timed(moto[1], SETUPS))
    with contextlib.closing(simulator):
        report({name: statistics.median(values) for name, values in found.items()})


def report(medians: dict[str, float]) -> None:
    """Print the medians, and the ratios that are promised."""
    for name, seconds in medians.items():
        print(f"{name:20} {seconds * 1e3:8.3f} ms")
    ratios = [("post, simulator", "post, bare Flask", 1.25)]
    if "call, moto" in medians:
        ratios += [("post, simulator", "call, moto", 0.5), ("fresh simulator", "entering moto", 1.0)]
    for name, other, limit in ratios:
        ratio = medians[name] / medians[other]
        print(f"{name} / {other}: {ratio:.2f} (at most {limit}) {'ok' if ratio <= limit else 'TOO SLOW'}")


if __name__ == "__main__":
    main()
