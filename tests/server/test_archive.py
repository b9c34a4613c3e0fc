"""Archives: one top folder, harmless paths, sensible dates, the same bytes for the same files."""

import gzip
import io
import random
import tarfile
import zipfile
import zlib
from datetime import datetime
from typing import Any

import pytest

from mock_server.products import archive

FILES = {"lc/curve.qdp": b"READ TERR 1 2\n" * 50, "lc/empty": b"", "psf/centroid/a.gz": bytes(range(256))}
WHEN = 1772323200.0


@pytest.mark.parametrize("form", ["tar", "tar.gz", "zip"])
def test_the_same_files_give_the_same_bytes(form):
    assert archive.packed("USERPROD_7", FILES, form, WHEN) == archive.packed(
        "USERPROD_7", dict(reversed(FILES.items())), form, WHEN
    )


@pytest.mark.parametrize("form", ["tar", "tar.gz"])
def test_tar_gives_back_every_file_below_one_folder(form):
    with tarfile.open(fileobj=io.BytesIO(b"".join(archive.packed("USERPROD_7", FILES, form, WHEN)))) as opened:
        members = {m.name: m for m in opened.getmembers()}
        assert set(members) == {f"USERPROD_7/{path}" for path in FILES}
        assert {m.mtime for m in members.values()} == {WHEN}
        for path, data in FILES.items():
            extracted = opened.extractfile(f"USERPROD_7/{path}")
            assert extracted is not None
            assert extracted.read() == data


def test_zip_gives_back_every_file_below_one_folder():
    with zipfile.ZipFile(io.BytesIO(b"".join(archive.packed("USERPROD_7", FILES, "zip", WHEN)))) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == {
            f"USERPROD_7/{path}": data for path, data in FILES.items()
        }
        assert opened.infolist()[0].date_time == (2026, 3, 1, 0, 0, 0)


def test_a_zip_keeps_large_chunks_of_compressed_files_once():
    large = random.Random(2).randbytes(1_200_000)
    files: dict[str, Any] = {"a.tar.gz": (b"first", large), "b.tar.gz": (large, b"last"), "c.txt": (b"some ", large)}
    packed = archive.packed("USERPROD_7", files, "zip", WHEN)
    assert sum(chunk is large for chunk in packed) == 2
    with zipfile.ZipFile(io.BytesIO(b"".join(packed))) as opened:
        assert opened.testzip() is None
        assert {name[11:]: opened.read(name) for name in opened.namelist()} == {
            k: b"".join(v) for k, v in files.items()
        }
        assert {f"{entry.external_attr >> 16:o}" for entry in opened.infolist()} == {"644"}


def test_a_date_before_1980_does_not_stop_a_zip():
    assert archive.packed("USERPROD_7", FILES, "zip", 0.0)


def test_compressed_files_carry_neither_name_nor_date():
    header = archive.gzipped(b"data")[:10]
    assert header[3:8] == bytes(5)


def test_what_is_compressed_once_stands_in_an_archive_of_one_member():
    """Readers of streams stop behind the first member of a gzip file."""
    shared = random.Random(1).randbytes(1_200_000)
    deflated = archive.Deflated.of(shared, 4)
    before, behind = b"before " * 9, b"behind " * 999
    files: dict[str, Any] = {"first.txt": before, "shared.rmf": deflated, "last.txt": behind}
    packed = archive.tarred_and_gzipped(files, WHEN)
    assert any(chunk is deflated.blocks for chunk in packed)  # kept once
    one = zlib.decompressobj(zlib.MAX_WBITS | 16)
    one.decompress(b"".join(packed))
    assert (one.eof, one.unused_data) == (True, b"")
    with tarfile.open(fileobj=io.BytesIO(b"".join(packed)), mode="r|gz") as opened:
        read = {m.name: opened.extractfile(m).read() for m in opened}  # type: ignore[union-attr]
    assert read == {"first.txt": before, "shared.rmf": shared, "last.txt": behind}
    outer = archive.packed("USERPROD_7", {"spec/a.tar.gz": packed}, "tar.gz", WHEN)
    again = archive.packed("USERPROD_8", {"spec/a.tar.gz": packed}, "tar.gz", WHEN)
    assert {id(chunk) for chunk in outer if len(chunk) > 2**20} == {id(chunk) for chunk in again if len(chunk) > 2**20}
    assert gzip.decompress(b"".join(outer))[512:].startswith(b"".join(packed))


@pytest.mark.parametrize(
    ("utc", "hour"),
    [
        ("2025-03-30T00:59", 0),
        ("2025-03-30T01:00", 2),
        ("2025-10-26T00:59", 1),
        ("2025-10-26T01:00", 1),
        ("2026-12-01T12:00", 12),
    ],
)
def test_a_zip_has_british_time(utc, hour):
    when = datetime.fromisoformat(f"{utc}+00:00").timestamp()
    with zipfile.ZipFile(io.BytesIO(b"".join(archive.packed("USERPROD_7", FILES, "zip", when)))) as opened:
        assert opened.infolist()[0].date_time[3] == hour
