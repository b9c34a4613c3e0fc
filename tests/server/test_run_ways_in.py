"""Commands, libraries and languages that call the service in a run."""

import subprocess
import sys
from typing import Any

import pytest
from flask import request

from mock_server.run.start import run
from tests.server.programs import START


def test_a_shell_script_calls_with_curl_and_sleeps_in_simulated_time(tiny, capfd):
    script = """
        set -e
        for n in 1 2; do
            curl --silent --fail --data "{\\"who\\": \\"curl $n\\"}" https://www.swift.ac.uk/call
            sleep 1m 30
        done
    """
    assert run(tiny, ["sh", "-c", script]) == 0
    assert tiny.calls == [(0, "curl 1"), (90, "curl 2")]
    assert tiny.clock.now() == START + 180
    assert '{"OK":1,"calls":2}' in capfd.readouterr().out


WAYS_IN = {
    "curl": ["curl", "--silent", "--fail", "--data", '{"who": "x"}', "https://www.swift.ac.uk/call"],
    "wget": ["wget", "-q", "-O", "/dev/null", '--post-data={"who": "x"}', "https://www.swift.ac.uk/call"],
}
PYTHON_WAYS_IN = {
    "requests": "import requests; requests.post(URL, data=BODY)",
    "requests without the environment": """
import requests
session = requests.Session()
session.trust_env = False
session.post(URL, data=BODY, verify=False)""",
    "urllib": "import urllib.request; urllib.request.urlopen(URL, data=BODY)",
    "urllib3": "import urllib3; urllib3.PoolManager().request('POST', URL, body=BODY)",
    "httpx": "import httpx; httpx.post(URL, content=BODY, trust_env=False)",
    "aiohttp": """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession() as session, session.post(URL, data=BODY) as answer:
        await answer.read()
asyncio.run(main())""",
    "http.client": """
import http.client
connection = http.client.HTTPSConnection("www.swift.ac.uk")
connection.request("POST", "/call", BODY)
connection.getresponse().read()""",
    "pandas": "import pandas; pandas.read_json(URL, orient='index')",
    "astropy": """
from astropy.utils.data import get_readable_fileobj
with get_readable_fileobj(URL, cache=False) as file:
    file.read()""",
}


@pytest.mark.parametrize("tool", WAYS_IN)
def test_a_command_is_answered(tiny, tool):
    assert run(tiny, WAYS_IN[tool]) == 0
    assert tiny.calls == [(0, "x")]


FETCH = """
fetch("https://www.swift.ac.uk/call", {method: "POST", body: '{"who": "x"}'}).then(
    answer => process.exit(answer.ok ? 0 : 1), error => process.exit(2))
"""
JAVA = """
import java.net.*;
public class Call {
    public static void main(String[] words) throws Exception {
        var connection = (HttpURLConnection) new URL("https://www.swift.ac.uk/call").openConnection();
        System.exit(connection.getResponseCode() == 200 ? 0 : 1);
    }
}
"""
GO = """
package main

import ("net/http"; "os"; "strings")

func main() {
    answer, err := http.Post("https://www.swift.ac.uk/call", "application/json", strings.NewReader(`{"who": "x"}`))
    if err != nil || answer.StatusCode != 200 { os.Exit(1) }
}
"""
PERL = """
use LWP::UserAgent;
my $answer = LWP::UserAgent->new->post("https://www.swift.ac.uk/call", Content => '{"who": "x"}');
exit($answer->is_success ? 0 : 1);
"""
R = """
answer <- download.file("https://www.swift.ac.uk/call", tempfile(), method = "libcurl", quiet = TRUE)
quit(status = answer)
"""


LANGUAGES = {"go": (GO, ["go", "run"], "x"), "pl": (PERL, ["perl"], "x"), "R": (R, ["Rscript"], "")}


@pytest.mark.nightly
@pytest.mark.parametrize("suffix", LANGUAGES)
def test_another_language_is_answered(tiny, tmp_path, suffix):
    """These need Go, Perl with libwww-perl and liblwp-protocol-https-perl, and R."""
    text, command, who = LANGUAGES[suffix]
    (tmp_path / f"call.{suffix}").write_text(text)
    assert run(tiny, [*command, str(tmp_path / f"call.{suffix}")], isolate=True) == 0
    assert tiny.calls == [(0, who)]


@pytest.mark.nightly
def test_node_is_answered_if_it_reads_the_variables_of_a_proxy(tiny):
    """It does from 22.21 on. This needs `node`."""
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    reads = tuple(map(int, version.strip().lstrip("v").split("."))) >= (22, 21)
    assert (run(tiny, ["node", "-e", FETCH], isolate=True), tiny.calls) == ((0, [(0, "x")]) if reads else (2, []))


@pytest.mark.nightly
def test_java_is_not_answered(tiny, tmp_path):
    """It reads no variable of a proxy. This needs `java`, of a JDK."""
    (tmp_path / "Call.java").write_text(JAVA)
    assert (run(tiny, ["java", str(tmp_path / "Call.java")], isolate=True), tiny.calls) == (1, [])


@pytest.mark.parametrize("library", PYTHON_WAYS_IN)
def test_a_library_is_answered(tiny, tmp_path, library):
    text = "URL, BODY = 'https://www.swift.ac.uk/call', b'{}'\n" + PYTHON_WAYS_IN[library]
    (tmp_path / "program.py").write_text(text)
    assert run(tiny, [sys.executable, str(tmp_path / "program.py")]) == 0
    assert len(tiny.calls) == 1


def test_wget_keeps_the_users_own_settings(tiny, tmp_path, monkeypatch):
    (tmp_path / "mine").write_text("user_agent = mine")
    monkeypatch.setenv("WGETRC", str(tmp_path / "mine"))
    agents: list[Any] = []

    @tiny.app.get("/agent")
    def agent() -> str:
        agents.append(request.headers["User-Agent"])
        return ""

    assert run(tiny, ["wget", "-q", "-O", "/dev/null", "https://www.swift.ac.uk/agent"]) == 0
    assert agents == ["mine"]


@pytest.mark.parametrize("ahead", ["", "import requests\n"])
def test_a_plain_socket_is_refused_with_what_helps(tiny, tmp_path, capfd, ahead):
    (tmp_path / "program.py").write_text(f"{ahead}import socket; socket.create_connection(('www.swift.ac.uk', 443))")
    assert run(tiny, [sys.executable, str(tmp_path / "program.py")]) == 1
    words = capfd.readouterr().err
    assert "RealServiceError: [Errno" in words
    assert "httpx and aiohttp are answered" in words
    assert "xrt-mock run`" not in words
