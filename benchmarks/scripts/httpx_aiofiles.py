"""Downloads a list of addresses: a semaphore, httpx's stream, aiofiles chunk by chunk. URLS OUT JOBS."""

import asyncio
import sys
from pathlib import Path

import aiofiles
import httpx  # type: ignore[import-not-found, unused-ignore]


async def _download(client: httpx.AsyncClient, gate: asyncio.Semaphore, url: str, out: Path) -> None:
    async with gate, client.stream("GET", url) as response:
        response.raise_for_status()
        async with aiofiles.open(out / url.rpartition("/")[2], "wb") as file:
            async for chunk in response.aiter_bytes():
                await file.write(chunk)


async def _download_all(urls: list[str], out: Path, jobs: int) -> None:
    gate = asyncio.Semaphore(jobs)
    async with httpx.AsyncClient(timeout=60) as client:
        await asyncio.gather(*(_download(client, gate, url, out) for url in urls))


if __name__ == "__main__":
    asyncio.run(_download_all(Path(sys.argv[1]).read_text().split(), Path(sys.argv[2]), int(sys.argv[3])))
