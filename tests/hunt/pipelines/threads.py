"""All sources at a time, a thread each."""

import sys
from concurrent.futures import ThreadPoolExecutor

import loop


def one(name):
    loop.process(name, {}, keep=False)


def main():
    failed = []
    with ThreadPoolExecutor(3) as pool:
        futures = {name: pool.submit(one, name) for name in loop.SOURCES}
    for name, future in futures.items():
        if future.exception() is not None:
            failed.append(f"{name} failed: {future.exception()}")
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
