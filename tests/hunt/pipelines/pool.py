"""All sources at a time, a process each."""

import sys
from concurrent.futures import ProcessPoolExecutor

import loop


def one(name):
    try:
        loop.process(name, {}, keep=False)
    except Exception as error:
        return f"{name} failed: {error}"
    return ""


def main():
    with ProcessPoolExecutor(3) as pool:
        failed = [words for words in pool.map(one, loop.SOURCES) if words]
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
