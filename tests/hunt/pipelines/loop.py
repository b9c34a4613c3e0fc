"""One source after the other with `requests`; what it knows is in a ledger, so that it can be started again."""

import gzip
import json
import os
import sys
import time

import requests

URL = "https://www.swift.ac.uk/user_objects/"
EMAIL = "me@example.org"
SOURCES = ("GRB 060729", "GRB 070616", "GRB 080319B")
LEDGER = "ledger.json"


def write(path, data):
    with open(path + ".part", "wb") as file:
        file.write(data)
    os.replace(path + ".part", path)


def read_ledger():
    return json.load(open(LEDGER)) if os.path.exists(LEDGER) else {}


def ask(script, **what):
    """Return the answer; None if it is lost or no answer."""
    try:
        answer = requests.post(URL + script, json={"UserID": EMAIL, "api_name": "loop", **what}, timeout=60).json()
        return answer if isinstance(answer, dict) and "OK" in answer else None
    except (requests.RequestException, ValueError):
        return None


def patiently(script, **what):
    for attempt in range(60):
        answer = ask(script, **what)
        if answer is not None and answer["OK"] == 1:
            return answer
        time.sleep(min(3600, 60 * 2**attempt))
    raise TimeoutError(f"{script} has no answer")


def find(name):
    """Return the job of a source that the service has already."""
    return next((int(job["JobID"]) for job in patiently("listOldJobs.php")["jobs"] if job["Name"] == name), None)


def submit(name):
    wanted = {"name": name, "getCoords": 1, "getTargs": 1, "cent": 0, "useSXPS": 0, "lc": 1, "binMeth": "obsid"}
    for _ in range(50):
        job = find(name)
        if job is not None:
            return job
        answer = ask("run_userobject.php", **wanted)
        if answer is not None and answer["OK"] == 1:
            return int(answer["JobID"])
        time.sleep(1800)
    raise RuntimeError("not accepted")


def wait(job):
    until = time.time() + 3 * 86400
    while time.time() < until:
        code = patiently("checkProductStatus.php", JobID=job, what="lc")["lc"]["statusCode"]
        if code == 4:
            return
        if code < 0:
            raise RuntimeError(f"failed with {code}")
        time.sleep(60)
    raise RuntimeError("stuck")


def fetch(job, path):
    for _ in range(20):
        try:
            answer = requests.get(f"{URL}tprods/USERPROD_{job}/lc.tar.gz", timeout=60)
            answer.raise_for_status()
            gzip.decompress(answer.content)  # raises an error if a part is missing
            write(path, answer.content)
            return
        except (requests.RequestException, OSError, EOFError):
            time.sleep(1800)
    raise RuntimeError("not downloaded")


def process(name, ledger, keep=True):
    path = name.replace(" ", "_") + ".tar.gz"
    if os.path.exists(path):
        return
    if name not in ledger:
        ledger[name] = submit(name)
        if keep:
            write(LEDGER, json.dumps(ledger).encode())
    wait(ledger[name])
    fetch(ledger[name], path)


def main():
    ledger, failed = read_ledger(), []
    for name in SOURCES:
        try:
            process(name, ledger)
        except Exception as error:
            failed.append(f"{name} failed: {error}")
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
