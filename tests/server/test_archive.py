"""Archives: one top folder, harmless paths, sensible dates, the same bytes for the same files."""

import io
import tarfile
import zipfile

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


def test_a_date_before_1980_does_not_stop_a_zip():
    assert archive.packed("USERPROD_7", FILES, "zip", 0.0)


def test_compressed_files_carry_neither_name_nor_date():
    header = archive.gzipped(b"data")[:10]
    assert header[3:8] == bytes(5)
