"""Nothing that comes over the wire leads outside: names of files, redirects, addresses, archives and their sizes."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from xrt_client import ContractBroken, LocalFailure, RequestInvalid, ServiceUnreachable, files, retrieve

from .conftest import accepted, archive, served
from .test_jobs import SUBMIT
from .test_retrieve import PLACE, URL, names

SPECTRUM = "tprods/getSpecData.php"
EVIL = ["../../up", "/tmp/evil", "..", ".", "", "a/b", "a\\b", "C:x", "x\0y", ".hidden", "\ud800", "n" * 300, "a\nb"]


def spectra(*intervals: str, url: str = URL) -> dict[str, Any]:
    """Return the answer about spectra of these intervals."""
    tables = {name: {"DataFile": f"{url}spec/data.dat", "Modes": []} for name in intervals}
    return {"OK": 1, "rnames": list(intervals), **tables}


@pytest.fixture
def done(canned, grb):
    canned.will(SUBMIT, accepted())
    assert grb.submit(updateProds=False)
    return grb


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", EVIL, ids=ascii)
def test_a_name_from_the_wire_stays_in_its_folder(name):
    safe = files.safe_name(name)
    assert not set(safe) & set("/\\:\0\n")
    assert len(safe) <= 120
    assert not safe.startswith(".")
    assert (Path("/a") / (safe or "x")).parent == Path("/a")


@pytest.mark.parametrize("letter", ["n", "ö", "名", "\U0001f52d"])
def test_a_long_name_in_any_script_can_be_that_of_a_file(tmp_path, letter):
    safe = files.safe_name(letter * 300)
    (tmp_path / f"prefix_{safe}.tar.gz.4194304.part").touch()
    assert letter in safe


@pytest.mark.parametrize("name", ["interval0", "late time", "WTCURVE.qdp", "a+b-c_d.tar.gz", "Überrest"])
def test_a_name_that_is_safe_is_left_as_it_is(name):
    assert files.safe_name(name) == name


@pytest.mark.parametrize("interval", EVIL, ids=ascii)
def test_intervals_are_saved_below_the_folder_whatever_they_are_called(canned, done, tmp_path, interval):
    canned.will(SPECTRUM, spectra(interval))
    canned.will(PLACE + "spec/data.dat", served(b"photons"))
    done.retrieveSpectralFits()
    place = tmp_path / "inside" / "deep"
    saved = done.saveSpectralData(place, specSubDirs=True)
    assert [path.name for path in saved] == ["data.dat"]
    assert below(tmp_path) == [str(saved[0].relative_to(tmp_path))]
    assert saved[0].parent.parent == place


def test_intervals_with_the_same_safe_name_do_not_share_a_file(canned, done, tmp_path):
    answer = spectra("a/b", "a_b")
    answer["a_b"]["DataFile"] = f"{URL}other/data.dat"
    canned.will(SPECTRUM, answer)
    canned.will(PLACE + "spec/data.dat", served(b"first"))
    canned.will(PLACE + "other/data.dat", served(b"second"))
    done.retrieveSpectralFits()
    done.saveSpectralData(tmp_path, specSubDirs=True)
    assert {path.read_bytes() for path in tmp_path.rglob("*.dat")} == {b"first", b"second"}


# ---- addresses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://x.org/a", "//x.org/a", "a.dat", "http://", ""])
def test_an_address_that_is_no_web_address_breaks_the_contract(canned, service, tmp_path, address):
    with pytest.raises(ContractBroken, match="address"):
        retrieve.download(service, address, tmp_path / "a.dat")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "target", ["https://other.example.org/a", "http://www.swift.ac.uk/a", "file:///etc/passwd", "https://[broken"]
)
def test_a_redirect_to_another_host_is_not_followed(canned, service, grb, tmp_path, target):
    canned.will("a", (302, {"Location": target}, b""))
    with pytest.raises(ContractBroken, match="redirects to"):
        retrieve.download(service, "https://www.swift.ac.uk/user_objects/a", tmp_path / "a.dat")
    canned.will("getNumJobs.php", (307, {"Location": target}, b""))
    with pytest.raises(ContractBroken, match="redirects to"):
        grb.countActiveJobs()
    assert names(tmp_path) == []


def test_a_redirect_on_the_same_host_is_followed(canned, service, tmp_path):
    canned.will("a", (302, {"Location": "/user_objects/b"}, b""))
    canned.will("b", served(b"here"))
    found = retrieve.download(service, "https://www.swift.ac.uk/user_objects/a", tmp_path / "a.dat")
    assert found.read_bytes() == b"here"


@pytest.mark.parametrize("length", ["²", "-1", "many"])
def test_a_length_that_cannot_be_read_is_no_length(canned, service, tmp_path, length):
    canned.will("a", (200, {"Content-Length": length.encode().decode("latin-1")}, b"here"))
    found = retrieve.download(service, "https://www.swift.ac.uk/user_objects/a", tmp_path / "a.dat")
    assert found.read_bytes() == b"here"


@pytest.mark.parametrize("sent", [3, 5])
def test_a_body_of_another_size_than_announced_is_not_kept(canned, service, tmp_path, sent):
    canned.will("a", (200, {"Content-Length": "4"}, b"x" * sent))
    with pytest.raises(ServiceUnreachable, match="cut off"):
        retrieve.download(service, "https://www.swift.ac.uk/user_objects/a", tmp_path / "a.dat")
    assert names(tmp_path) == []


def test_a_part_that_begins_elsewhere_is_not_appended(canned, service, tmp_path):
    whole = bytes(range(256)) * 1000

    def other_part(environ: Any) -> tuple[int, dict[str, str], bytes]:
        return (206, {"Content-Range": "bytes 0-9/10"}, b"0123456789")

    cut = (200, {"Content-Length": str(len(whole)), "ETag": '"1"'}, whole[:150_000])
    canned.will("a", cut, other_part, served(whole, ETag='"1"'))
    found = retrieve.download(service, "https://www.swift.ac.uk/user_objects/a", tmp_path / "a.dat")
    assert found.read_bytes() == whole


# ---- sizes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_bounds(monkeypatch):
    monkeypatch.setattr(files, "SMALL", 100_000)


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_an_archive_that_becomes_too_large_is_neither_kept_nor_unpacked(canned, service, tmp_path, form, small_bounds):
    bomb = archive(form, zeros=b"\0" * 5_000_000)
    canned.will("bomb", served(bomb))
    with pytest.raises(ContractBroken, match="too many"):
        retrieve.download(service, "https://www.swift.ac.uk/user_objects/bomb", tmp_path / f"lc.{form}")
    assert names(tmp_path) == []
    (tmp_path / f"lc.{form}").write_bytes(bomb)
    with pytest.raises(ContractBroken, match="too many"):
        files.extract(tmp_path / f"lc.{form}", tmp_path / "out")
    assert names(tmp_path) == [f"lc.{form}"]


def test_a_bomb_between_the_members_of_a_tar_file_is_found(tmp_path, small_bounds):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as file:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"comment": "x" * 5_000_000}
        file.addfile(info)
    (tmp_path / "lc.tar.gz").write_bytes(gzip.compress(buffer.getvalue()))
    with pytest.raises(ContractBroken, match="too many"):
        files.extract(tmp_path / "lc.tar.gz", tmp_path / "out")


def test_a_body_that_becomes_too_large_on_the_way_is_not_kept(canned, service, tmp_path, small_bounds):
    packed = gzip.compress(b"\0" * 5_000_000)
    canned.will("a", (200, {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}, packed))
    with pytest.raises(ContractBroken, match="too many"):
        retrieve.download(service, "https://www.swift.ac.uk/user_objects/a", tmp_path / "a.dat")
    assert names(tmp_path) == []


def test_a_file_has_a_largest_size(canned, service, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 1000)
    canned.will("a", served(b"x" * 2000))
    with pytest.raises(ContractBroken, match="too many"):
        retrieve.download(service, "https://www.swift.ac.uk/user_objects/a", tmp_path / "a.dat")


# ---- archives --------------------------------------------------------------------------------------------------


def test_a_link_in_a_zip_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "lc.zip", "w") as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    with pytest.raises(ContractBroken, match="neither file nor folder: link"):
        files.extract(tmp_path / "lc.zip", tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_member_of_a_tar_file_that_is_no_file_is_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "lc.tar", "w") as file:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/passwd"
        file.addfile(info)
    with pytest.raises(ContractBroken, match="neither file nor folder"):
        files.extract(tmp_path / "lc.tar", tmp_path / "out")
    assert names(tmp_path) == ["lc.tar"]


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_nothing_is_written_through_a_link_that_stands_in_the_folder(tmp_path, form):
    (tmp_path / "outside").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / f"lc.{form}").write_bytes(archive(form, **{"link/evil": b"x"}))
    with pytest.raises(ContractBroken, match="would leave the folder"):
        files.extract(tmp_path / f"lc.{form}", tmp_path / "in", files.Existing.REPLACE)
    assert names(tmp_path / "outside") == []


@pytest.mark.parametrize("form", ["zip", "tar"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path, form):
    file = tmp_path / f"lc.{form}"
    if form == "zip":
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("a", "1")
            packed.writestr("a", "2")
    else:
        with tarfile.open(file, "w") as tar:
            tar.addfile(tarfile.TarInfo("a"))
            tar.addfile(tarfile.TarInfo("a"))
    with pytest.raises(ContractBroken, match="same name"):
        files.extract(file, tmp_path / "out")


# ---- local errors ----------------------------------------------------------------------------------------------


def test_a_full_disk_while_unpacking_leaves_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / "lc.tar").write_bytes(archive("tar", a=b"1", b=b"2"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(tarfile.TarFile, "extractall", full)
    with pytest.raises(LocalFailure, match="No space left on device; make room, then try again"):
        files.extract(tmp_path / "lc.tar", tmp_path / "out")
    assert below(tmp_path) == ["lc.tar"]


def test_a_folder_that_cannot_be_made_is_a_local_failure(canned, service, tmp_path):
    (tmp_path / "file").touch()
    canned.will("a", served(b"x"))
    with pytest.raises(LocalFailure, match="file"):
        retrieve.download(service, "https://www.swift.ac.uk/user_objects/a", tmp_path / "file" / "a.dat")


def test_a_file_that_appears_during_a_download_is_not_replaced(canned, service, tmp_path):
    def meanwhile(environ: Any) -> Any:
        (tmp_path / "a.dat").write_text("mine")
        return served(b"x")

    canned.will("a", meanwhile)
    with pytest.raises(RequestInvalid, match="clobber"):
        retrieve.download(service, "https://www.swift.ac.uk/user_objects/a", tmp_path / "a.dat")
    assert (tmp_path / "a.dat").read_text() == "mine"
    assert names(tmp_path) == ["a.dat"]


@pytest.mark.parametrize("address", ["https://www.swift.ac.uk/", "https://www.swift.ac.uk/spec/.."])
def test_an_address_that_names_no_file_breaks_the_contract(address):
    with pytest.raises(ContractBroken, match="does not name a file"):
        files.name_of(address)


def test_a_file_that_is_there_already_is_not_kept_twice(tmp_path):
    new, there = tmp_path / "new.part", tmp_path / "lc.zip"
    for path in (new, there):
        path.write_bytes(b"the same")
    assert files.put(new, there, files.Existing.KEEP) is None
    assert names(tmp_path) == ["lc.zip"]


def test_a_folder_does_not_replace_a_folder_with_files(tmp_path):
    new, there = tmp_path / "new", tmp_path / "lc"
    new.mkdir()
    there.mkdir()
    (there / "mine").touch()
    with pytest.raises(RequestInvalid, match="lc exists and clobber is False"):
        files.put(new, there, files.Existing.REFUSE)
    assert names(there) == ["mine"]


@pytest.mark.parametrize("name", ["lc.tar", "lc.tar.gz"])
def test_a_tar_file_without_a_byte_in_it_is_not_whole(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith(".gz") else b"")
    with pytest.raises(ContractBroken, match="not a complete archive: it is empty"):
        files.check_whole("here", tmp_path / name, name)


def test_a_file_system_without_links_keeps_what_is_there_all_the_same(tmp_path, monkeypatch):
    def no_links(*_arguments: Any, **_options: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    new, there = tmp_path / "new.part", tmp_path / "lc.zip"
    new.write_bytes(b"new")
    there.write_bytes(b"mine")
    with pytest.raises(RequestInvalid, match=r"lc\.zip exists and clobber is False"):
        files.put(new, there, files.Existing.REFUSE)
    assert (new.read_bytes(), there.read_bytes()) == (b"new", b"mine")
    kept = files.put(new, there, files.Existing.KEEP)
    assert kept is not None
    assert (kept.read_bytes(), there.read_bytes()) == (b"mine", b"new")
