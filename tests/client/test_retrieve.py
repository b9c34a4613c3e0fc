"""Downloads: complete or not at all, never over existing files, continued where they stopped; and unpacking."""

import gzip
import io
import random
import tarfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from xrt_client import ContractBroken, RequestInvalid, ServiceUnreachable, files, jobs, retrieve

from .conftest import accepted, archive, served, statuses
from .test_jobs import DOWN, SUBMIT

PLACE = "tprods/USERPROD_951/"
URL = f"https://www.swift.ac.uk/user_objects/{PLACE}"


@pytest.fixture
def ended(canned, grb):
    canned.will(SUBMIT, accepted())
    canned.will("checkProductStatus.php", statuses(lc=4, spec=3))
    canned.will(PLACE + "lc.tar.gz", served(archive("tar.gz")))
    assert grb.submit()
    return grb


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_products_that_have_ended_are_saved_and_the_others_are_none(ended, tmp_path):
    saved = ended.downloadProducts(tmp_path / "new" / "folder")
    assert saved == {"LightCurve": f"{tmp_path}/new/folder/lc.tar.gz", "Spectrum": None}
    assert (tmp_path / "new/folder/lc.tar.gz").read_bytes() == archive("tar.gz")
    assert names(tmp_path / "new/folder") == ["lc.tar.gz"]


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_all_formats_can_be_saved_under_a_stem(canned, ended, tmp_path, form):
    canned.will(PLACE + f"lc.{form}", served(archive(form)))
    saved = ended.downloadProducts(str(tmp_path), what=("LightCurve",), format=form, stem="mine_")
    assert saved == {"LightCurve": f"{tmp_path}/mine_lc.{form}"}


def test_an_unknown_format_or_stem_is_refused(ended, tmp_path):
    with pytest.raises(ValueError, match=r"Options are: zip, tar, tar\.gz"):
        ended.downloadProducts(tmp_path, format="rar")
    with pytest.raises(ValueError, match="stem"):
        ended.downloadProducts(tmp_path, stem=3)


def test_a_product_asked_for_by_name_has_to_be_complete(ended, tmp_path):
    with pytest.raises(ValueError, match="not complete"):
        ended.downloadProducts(tmp_path, what=["Spectrum"])


def test_the_file_of_another_is_not_overwritten_without_clobber(ended, tmp_path):
    (tmp_path / "lc.tar.gz").write_text("mine")
    saved = ended.downloadProducts(tmp_path)
    assert saved["LightCurve"].startswith("ERROR: ")
    assert (tmp_path / "lc.tar.gz").read_text() == "mine"
    assert ended.downloadProducts(tmp_path, clobber=True)["LightCurve"] == f"{tmp_path}/lc.tar.gz"


def test_a_second_pass_over_finished_jobs_fetches_nothing_and_is_no_error(canned, ended, tmp_path):
    first = ended.downloadProducts(tmp_path)
    assert ended.downloadProducts(tmp_path) == first
    assert len(canned.asked(PLACE + "lc.tar.gz")) == 1


def test_one_missing_archive_does_not_keep_the_others_away(canned, ended, tmp_path):
    canned.will("checkProductStatus.php", statuses(lc=4, spec=-4))
    saved = ended.downloadProducts(tmp_path)
    assert saved["LightCurve"] == f"{tmp_path}/lc.tar.gz"
    assert saved["Spectrum"].startswith("ERROR: ")
    assert "404" in saved["Spectrum"]


def test_a_body_that_is_cut_off_is_fetched_again(canned, service, tmp_path):
    whole = archive("tar.gz")
    canned.will(PLACE + "lc.tar.gz", (200, {"Content-Length": str(len(whole))}, whole[:500]), served(whole))
    saved = retrieve.download(service, URL + "lc.tar.gz", tmp_path / "lc.tar.gz")
    assert saved.read_bytes() == whole


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_a_cut_body_without_a_length_is_no_archive_and_is_not_kept(canned, service, tmp_path, form):
    canned.will("cut", (200, {}, archive(form)[: -len(archive(form)) // 2]))
    with pytest.raises(ContractBroken, match="not a complete archive"):
        retrieve.download(service, "https://www.swift.ac.uk/user_objects/cut", tmp_path / f"lc.{form}")
    assert names(tmp_path) == []


def members() -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Yield members of all kinds, with long names and large numbers."""
    for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        info = tarfile.TarInfo(f"kind{kind.decode()}")
        info.type, info.linkname, info.uid = kind, "kind5", 10**9
        yield info, b""
    for name, content in {"empty": b"", "block": b"1" * 512, "more": b"2" * 513, "long" * 70: b"3" * 70_000}.items():
        info = tarfile.TarInfo(name)
        info.size, info.mtime = len(content), 1.5
        yield info, content


def tar(form: int, many: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as file:
        for info, content in many:
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_tar_file_with_members_of_all_kinds_is_whole(tmp_path, form):
    path = tmp_path / "all.tar"
    path.write_bytes(tar(form, members()))
    files.check_whole("here", path, path.name)
    path.write_bytes(gzip.compress(path.read_bytes()))
    files.check_whole("here", path, "all.tar.gz")
    assert path.exists()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_tar_file_that_is_cut_within_a_member_is_not_whole(tmp_path, form):
    path, whole = tmp_path / "all.tar", tar(form, members())
    ends = {whole.index(b"1" * 512) + 512, whole.index(b"2" * 513) + 1024, whole.rindex(b"3") - 69_999 + 70_144}
    for cut in (100, 511, 700, *(end - 1 for end in ends), *(end - 600 for end in ends)):
        path.write_bytes(whole[:cut])
        with pytest.raises(ContractBroken, match="not a complete archive"):
            files.check_whole("here", path, path.name)


@pytest.mark.parametrize("place", [0, 150, 512 * 6 + 3])
def test_a_tar_file_with_a_damaged_header_is_not_whole(tmp_path, place):
    damaged = bytearray(tar(tarfile.GNU_FORMAT, members()))
    damaged[place] ^= 1
    path = tmp_path / "all.tar"
    path.write_bytes(damaged)
    with pytest.raises(ContractBroken, match="not a complete archive"):
        files.check_whole("here", path, path.name)


@pytest.mark.parametrize("lost", [1, 8, 200])
def test_a_packed_tar_file_that_lacks_its_last_bytes_is_not_whole(tmp_path, lost):
    path = tmp_path / "all.tar.gz"
    path.write_bytes(archive("tar.gz")[:-lost])
    with pytest.raises(ContractBroken, match="not a complete archive"):
        files.check_whole("here", path, path.name)


def test_a_page_saved_as_an_archive_is_noticed(canned, service, tmp_path):
    canned.will("page", (200, {}, b"<html>sorry</html>"))
    with pytest.raises(ContractBroken):
        retrieve.download(service, "https://www.swift.ac.uk/user_objects/page", tmp_path / "lc.zip")


def test_a_failed_download_leaves_the_old_file_alone(canned, service, tmp_path):
    (tmp_path / "lc.tar.gz").write_text("old")
    canned.will("down", DOWN)
    with pytest.raises(ServiceUnreachable):
        retrieve.download(service, "https://www.swift.ac.uk/user_objects/down", tmp_path / "lc.tar.gz", clobber=True)
    assert (tmp_path / "lc.tar.gz").read_text() == "old"
    assert names(tmp_path) == ["lc.tar.gz"]


def test_an_existing_file_is_refused_before_anything_is_asked(canned, service, tmp_path):
    (tmp_path / "a.dat").touch()
    with pytest.raises(RequestInvalid, match="clobber"):
        retrieve.download(service, URL, tmp_path / "a.dat")
    assert canned.calls == []


NOISE = random.Random(1).randbytes(500_000)  # cannot be compressed, so that an archive of it is long enough to be cut
BIG = "https://www.swift.ac.uk/user_objects/big"


def resumable(content: bytes, *lengths: int, **headers: str) -> list[Any]:
    """Return answers that send so many bytes each, and then the rest, beginning where the client wants."""

    def answer(environ: Any, length: int) -> tuple[int, dict[str, str], bytes]:
        start = int(environ.get("HTTP_RANGE", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        described = {**headers, "Content-Length": str(len(content) - start)}
        if not start:
            return (200, described, content[:length])
        assert environ["HTTP_IF_RANGE"] in headers.values()
        described["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return (206, described, content[start : start + length])

    return [partial(answer, length=length) for length in (*lengths, len(content))]


def ranges(canned: Any) -> list[str | None]:
    return [environ.get("HTTP_RANGE") for environ in canned.asked("big")]


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {"Last-Modified": "Sun, 13 Sep 2020 12:26:40 GMT"}])
def test_a_download_that_is_cut_several_times_continues_each_time_where_it_stopped(
    canned, service, tmp_path, form, headers
):
    whole = archive(form, **{"noise.dat": NOISE})
    canned.will("big", *resumable(whole, 150_000, 200_000, **headers))
    saved = retrieve.download(service, BIG, tmp_path / f"lc.{form}")
    assert saved.read_bytes() == whole
    first, *others = ranges(canned)
    starts = [int(str(text).removeprefix("bytes=").removesuffix("-")) for text in others]
    assert first is None
    assert 100_000 < starts[0] <= 150_000
    assert 250_000 < starts[1] <= 350_000
    assert names(tmp_path) == [f"lc.{form}"]


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"1"'}])
def test_a_download_starts_again_if_the_service_does_not_say_that_the_file_is_the_same(
    canned, service, tmp_path, headers
):
    whole = archive("zip", **{"noise.dat": NOISE})
    canned.will("big", *resumable(whole, 150_000, **headers))
    assert retrieve.download(service, BIG, tmp_path / "lc.zip").read_bytes() == whole
    assert ranges(canned) == [None, None]


def test_a_file_that_changed_in_between_is_fetched_from_its_beginning(canned, service, tmp_path):
    old, new = archive("tar"), archive("tar.gz")
    canned.will("big", (200, {"Content-Length": str(len(old)), "ETag": '"1"'}, old[:200_000]), served(new, ETag='"2"'))
    assert retrieve.download(service, BIG, tmp_path / "lc.tar.gz").read_bytes() == new


def test_a_file_that_became_shorter_in_between_is_fetched_from_its_beginning(canned, service, tmp_path):
    whole = archive("zip")
    cut = resumable(archive("zip", **{"noise.dat": NOISE}), 150_000, ETag='"1"')[0]
    canned.will("big", cut, (416, {}, b""), served(whole, ETag='"2"'))
    assert retrieve.download(service, BIG, tmp_path / "lc.zip").read_bytes() == whole
    assert [bool(asked) for asked in ranges(canned)] == [False, True, False]


def test_a_zip_file_with_a_damaged_member_is_not_kept(canned, service, tmp_path):
    whole = bytearray(archive("zip", **{"noise.dat": NOISE}))
    whole[250_000] ^= 1
    canned.will("big", served(bytes(whole)))
    with pytest.raises(ContractBroken, match=r"noise.dat is damaged"):
        retrieve.download(service, BIG, tmp_path / "lc.zip")
    assert names(tmp_path) == []


# ---- unpacking -------------------------------------------------------------------------------------------------

FORMS = ("zip", "tar", "tar.gz")
MEMBERS = {"USERPROD_951/lc/curve.qdp": b"READ TERR 1 2", "USERPROD_951/lc.log": b"done"}


@pytest.fixture(params=FORMS)
def packed(request, tmp_path) -> Path:
    """Return the path of an archive in each of the formats."""
    file: Path = tmp_path / f"lc.{request.param}"
    file.write_bytes(archive(request.param, **MEMBERS))
    return file


def test_an_archive_is_unpacked_with_its_folders(packed, tmp_path):
    out = tmp_path / "out"
    assert sorted(files.extract(packed, out)[0]) == sorted(out / name for name in MEMBERS)
    assert {name: (out / name).read_bytes() for name in MEMBERS} == MEMBERS


def test_existing_files_are_not_overwritten_by_unpacking_without_clobber(packed, tmp_path):
    (tmp_path / "USERPROD_951").mkdir()
    (tmp_path / "USERPROD_951/lc.log").write_text("mine")
    with pytest.raises(RequestInvalid, match=r"lc\.log exists and clobber is False"):
        files.extract(packed, tmp_path)
    assert names(tmp_path / "USERPROD_951") == ["lc.log"], "nothing was unpacked"
    files.extract(packed, tmp_path, files.Existing.REPLACE)
    assert (tmp_path / "USERPROD_951/lc.log").read_text() == "done"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("member", ["../evil", "/tmp/evil", "a/../../evil"])
def test_an_archive_with_a_member_that_would_leave_the_folder_is_not_unpacked_at_all(tmp_path, form, member):
    file, out = tmp_path / f"lc.{form}", tmp_path / "out"
    file.write_bytes(archive(form, **{"fine.pi": b"abc", member: b"evil"}))
    with pytest.raises(ContractBroken, match="would leave the folder"):
        files.extract(file, out)
    assert names(tmp_path) == [file.name]


def test_folders_in_a_zip_file_are_not_files(tmp_path):
    (tmp_path / "lc.zip").write_bytes(archive("zip", **{"USERPROD_951/": b"", **MEMBERS}))
    assert sorted(path.name for path in files.extract(tmp_path / "lc.zip", tmp_path)[0]) == ["curve.qdp", "lc.log"]


@pytest.mark.parametrize("form", FORMS)
def test_products_can_be_unpacked_as_they_are_downloaded(canned, ended, tmp_path, form):
    canned.will(PLACE + f"lc.{form}", served(archive(form, **MEMBERS)))
    saved = ended.downloadProducts(tmp_path, what=["lc"], format=form, extract=True)
    assert saved == {"LightCurve": f"{tmp_path}/lc.{form}"}
    assert {name: (tmp_path / name).read_bytes() for name in MEMBERS} == MEMBERS


# ---- what is sent ----------------------------------------------------------------------------------------------


def test_files_are_asked_for_as_they_are_and_never_compressed_on_the_way(canned, service, tmp_path):
    canned.will("WTCURVE.qdp", served(b"READ TERR 1 2\n"))
    retrieve.download(service, "https://www.swift.ac.uk/user_objects/WTCURVE.qdp", tmp_path / "WTCURVE.qdp")
    assert canned.asked("WTCURVE.qdp")[0]["HTTP_ACCEPT_ENCODING"] == "identity"


def test_a_file_compressed_on_the_way_all_the_same_is_stored_as_it_was(canned, service, tmp_path):
    packed = gzip.compress(b"READ TERR 1 2\n")
    canned.will("WTCURVE.qdp", (200, {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}, packed))
    saved = retrieve.download(service, "https://www.swift.ac.uk/user_objects/WTCURVE.qdp", tmp_path / "WTCURVE.qdp")
    assert saved.read_text() == "READ TERR 1 2\n"


def test_calls_have_the_password_of_the_environment_and_the_cookies_of_earlier_answers(
    canned, service, monkeypatch, tmp_path
):
    host = urlsplit(service.base_url).hostname
    (tmp_path / "netrc").write_text(f"machine {host} login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    asked = []

    def count(environ: Any) -> dict[str, Any]:
        asked.append(environ)
        return {"OK": 1, "numJobs": 3}

    canned.will("page", (200, {"Set-Cookie": "seen=1; Path=/"}, b"one"), (200, {}, b"two"))
    canned.will("getNumJobs.php", count)
    for number in range(2):
        retrieve.download(service, f"{service.base_url}/user_objects/page", tmp_path / f"{number}.txt")
    assert jobs.count_active(service, "me@example.org") == 3
    asked[:0] = canned.asked("page")
    assert [environ.get("HTTP_COOKIE") for environ in asked] == [None, "seen=1", "seen=1"]
    assert {environ["HTTP_AUTHORIZATION"] for environ in asked} == {"Basic bWU6c2VjcmV0"}
    assert [environ.get("CONTENT_TYPE") for environ in asked] == [None, None, "application/json"]
