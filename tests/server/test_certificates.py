"""The certificates that programs of a run trust: kept for the user alone, and made again when they cannot be used."""

from __future__ import annotations

import os
import ssl
import stat

import pytest

from mock_server.transport.certificates import kept_certificates, make_certificates

HOSTS = ("www.swift.ac.uk", "localhost")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "xrt-mock"


def only(folder):
    (file,) = folder.iterdir()
    return file


def test_they_are_made_once_and_only_their_user_can_read_them(cache):
    made = kept_certificates(HOSTS)
    assert kept_certificates(HOSTS) == made
    file = only(cache)
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(cache.stat().st_mode)) == (0o600, 0o700)
    assert file.read_bytes() == made.pem


def test_the_authority_proves_the_hosts(cache):
    made = kept_certificates(HOSTS)
    client = ssl.create_default_context(cadata=made.authority.decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server, server_hostname=HOSTS[0])
    server = made.tls().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (caller, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    proof = caller.getpeercert()
    assert proof is not None
    assert proof["subjectAltName"] == tuple(("DNS", host) for host in HOSTS)


@pytest.mark.parametrize("spoil", ["old", "readable by others", "cut", "of another host"])
def test_they_are_made_again_if_they_cannot_be_used(cache, spoil):
    made, file = kept_certificates(HOSTS), only(cache)
    match spoil:
        case "old":
            os.utime(file, (0, 0))
        case "readable by others":
            file.chmod(0o644)
        case "cut":
            file.write_bytes(made.pem[:100])
        case "of another host":
            assert kept_certificates(("example.org",)) != made
            return
    again = kept_certificates(HOSTS)
    assert again != made
    assert kept_certificates(HOSTS) == again
    assert only(cache).read_bytes() == again.pem


def test_without_a_place_to_keep_them_they_are_made_each_time(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert kept_certificates(HOSTS) != kept_certificates(HOSTS)


def test_each_making_is_new():
    assert make_certificates(HOSTS).authority != make_certificates(HOSTS).authority


def test_they_are_made_each_time_where_they_cannot_be_kept(cache):
    cache.symlink_to(cache.parent / "nowhere")
    made = kept_certificates(HOSTS)
    assert ssl.create_default_context(cadata=made.authority.decode()).cert_store_stats()["x509_ca"] >= 1
    assert kept_certificates(HOSTS) != made
