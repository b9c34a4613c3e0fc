"""Downloads: whole or not at all, never over existing files, going on where they stopped."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from xrt_client import ContractBroken, RequestInvalid, ServiceUnreachable, retrieve

from .conftest import accepted, statuses
from .test_jobs import DOWN, SUBMIT

PLACE = "tprods/USERPROD_951/"
URL = f"https://www.swift.ac.uk/user_objects/{PLACE}"


def archive(form: str) -> bytes:
    buffer = io.BytesIO()
    content = bytes(range(256)) * 2000
    if form == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("USERPROD_951/lc/curve.qdp", content)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz" if form == "tar.gz" else "w") as file:
            info = tarfile.TarInfo("USERPROD_951/lc/curve.qdp")
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def served(content: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return (200, {"Content-Length": str(len(content)), **headers}, content)


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
def test_all_formats_can_be_had_under_a_stem(canned, ended, tmp_path, form):
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


def test_an_interrupted_download_goes_on_where_it_stopped(canned, service, tmp_path):
    whole = archive("tar")
    head = (200, {"Content-Length": str(len(whole)), "ETag": '"1"'}, whole[:200_000])

    def rest(environ):
        start = int(environ["HTTP_RANGE"].removeprefix("bytes=").removesuffix("-"))
        assert 100_000 < start <= 200_000
        assert environ["HTTP_IF_RANGE"] == '"1"'
        headers = {"Content-Length": str(len(whole) - start), "ETag": '"1"'}
        return (206, {**headers, "Content-Range": f"bytes {start}-{len(whole) - 1}/{len(whole)}"}, whole[start:])

    canned.will("big", head, rest)
    saved = retrieve.download(service, "https://www.swift.ac.uk/user_objects/big", tmp_path / "lc.tar")
    assert saved.read_bytes() == whole


def test_a_file_that_changed_in_between_is_fetched_from_its_beginning(canned, service, tmp_path):
    old, new = archive("tar"), archive("tar.gz")
    canned.will("big", (200, {"Content-Length": str(len(old)), "ETag": '"1"'}, old[:200_000]), served(new, ETag='"2"'))
    saved = retrieve.download(service, "https://www.swift.ac.uk/user_objects/big", tmp_path / "lc.tar.gz")
    assert saved.read_bytes() == new


def test_files_are_asked_for_as_they_are_and_never_compressed_on_the_way(canned, service, tmp_path):
    canned.will("WTCURVE.qdp", served(b"READ TERR 1 2\n"))
    retrieve.download(service, "https://www.swift.ac.uk/user_objects/WTCURVE.qdp", tmp_path / "WTCURVE.qdp")
    assert canned.asked("WTCURVE.qdp")[0]["HTTP_ACCEPT_ENCODING"] == "identity"


def test_a_file_compressed_on_the_way_all_the_same_is_stored_as_it_was(canned, service, tmp_path):
    packed = gzip.compress(b"READ TERR 1 2\n")
    canned.will("WTCURVE.qdp", (200, {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}, packed))
    saved = retrieve.download(service, "https://www.swift.ac.uk/user_objects/WTCURVE.qdp", tmp_path / "WTCURVE.qdp")
    assert saved.read_text() == "READ TERR 1 2\n"
