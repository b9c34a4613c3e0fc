"""All sources at a time with asyncio; what waits runs in threads."""

import asyncio
import sys

import loop


async def one(name):
    await asyncio.to_thread(loop.process, name, {}, False)


async def main():
    results = await asyncio.gather(*map(one, loop.SOURCES), return_exceptions=True)
    pairs = zip(loop.SOURCES, results, strict=True)
    return [f"{name} failed: {result}" for name, result in pairs if result is not None]


if __name__ == "__main__":
    sys.exit("\n".join(asyncio.run(main())) or 0)
