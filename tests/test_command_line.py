"""The commands as people expect them: help in one screen, completion, colours, JSON, exit codes, errors that help."""

from __future__ import annotations

import json
import os
import pty
import re
import socket
import subprocess
import sys
from importlib.util import find_spec, module_from_spec
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mock_server import MockServer
from mock_server.cli.commands import main
from mock_server.core.faults import KINDS
from mock_server.reports import files
from mock_server.scenario.files import load_scenario, scenario_names
from mock_server.scenario.settings import SETTINGS
from tests.test_docs import page
from xrt_client import campaign_cli

XRT_MOCK = [sys.executable, "-c", "from mock_server.cli.main import main; main(prog_name='xrt-mock')"]
LINES, COLUMNS = 40, 80


def commands(command=main, words=()):
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*words, name))


def asked(*words, **environment):
    return CliRunner().invoke(main, [str(word) for word in words], env=environment, prog_name="xrt-mock")


# help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_the_help_of_a_command_has_an_example_and_fits_one_screen(words, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    check_screen(asked(*words, "--help").output, f"xrt-mock {' '.join(words)}")


@pytest.mark.parametrize("words", [(), ("campaign",)])
def test_the_help_of_the_client_does_so_too(words, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    with pytest.raises(SystemExit, match="0"):
        campaign_cli.main([*words, "--help"])
    check_screen(capsys.readouterr().out, f"xrt-client {' '.join(words)}")


def check_screen(said, command):
    assert len(said.splitlines()) <= LINES
    assert max(map(len, said.splitlines())) <= COLUMNS
    example = re.search(r"examples?:\n((?: +.*\n)+)", said, re.IGNORECASE)
    assert example, f"{command} --help lacks an example"
    assert command.split()[0] in example[1] or "python -m contracts" in example[1]


def test_the_page_of_the_command_line_has_every_command():
    shown = page("reference/command-line.md")
    assert [name for name in main.list_commands(click.Context(main)) if f"### `xrt-mock {name}`" not in shown] == []


# completion ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell):
    said = subprocess.run(XRT_MOCK, env=os.environ | {"_XRT_MOCK_COMPLETE": f"{shell}_source"}, capture_output=True,
                          text=True, check=True).stdout  # fmt: skip
    assert f"_XRT_MOCK_COMPLETE={shell}_complete" in said
    assert f"_XRT_MOCK_COMPLETE={shell}_source xrt-mock" in page("reference/command-line.md")


def completed(*words):
    typed = " ".join(("xrt-mock", *words))
    said = asked(_XRT_MOCK_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=str(len(words))).output
    return [line.partition(",")[2] for line in said.splitlines()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("r",), ["record", "replay", "report", "run"]),
        (("contract", "d"), ["diff"]),
        (("run", "--scenario", "b"), ["busy-week"]),
        (("serve", "--scenario", "t"), ["tightening-limit"]),
        (("ctl", "set", "limits."), ["limits.active_jobs="]),
        (("ctl", "fault", "kind=los"), ["kind=lost"]),
    ],
)
def test_tab_completes_commands_scenarios_settings_and_faults(words, offered):
    assert completed(*words) == offered


def test_tab_offers_every_scenario_and_else_files():
    assert completed("advise", "--scenario", "") == scenario_names()
    said = asked(_XRT_MOCK_COMPLETE="bash_complete", COMP_WORDS="xrt-mock run --scenario ./m", COMP_CWORD="3").output
    assert said.startswith("file,")


# colours ---------------------------------------------------------------------------------------------------------


def on_a_terminal(*words, **environment):
    inside, outside = pty.openpty()
    shown = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    try:
        subprocess.run([*XRT_MOCK, *words], stdout=outside, env=shown | environment, check=True)
        return os.read(inside, 10_000).decode()
    finally:
        os.close(inside)
        os.close(outside)


@pytest.mark.parametrize(("environment", "coloured"), [({"NO_COLOR": None}, True), ({"NO_COLOR": "1"}, False)])
def test_a_variable_takes_the_colours_away_from_everything_that_shows_them(environment, coloured):
    done = CliRunner().invoke(main, ["contract", "lint"], env={"FORCE_COLOR": None, **environment}, color=True)
    assert ("\x1b[32m" in done.output, "in order" in done.output) == (coloured, True)


def test_colours_are_shown_on_a_terminal_alone_and_there_not_against_the_wish():
    assert "\x1b[32m" in on_a_terminal("contract", "lint")
    assert "\x1b" not in on_a_terminal("contract", "lint", NO_COLOR="1")
    assert "\x1b" not in asked("contract", "lint").output


# JSON ------------------------------------------------------------------------------------------------------------

WRONG_SERVER = "tests.contract.test_cli:silent"
OPENAPI = str(Path(campaign_cli.__file__).parents[1] / "contracts" / "openapi" / "jobs.yaml")


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (("advise", "--sources", 2, "--products", "image", "--json"), {"trials", "recommended"}),
        (("verify", WRONG_SERVER, "--questions-only", "--json"), {"questions", "operations", "findings", "not_seen"}),
        (("contract", "lint", "--json"), {"problems"}),
        (("contract", "diff", OPENAPI, OPENAPI, "--json"), {"breaks", "changes"}),
    ],
    ids=lambda words: str(words[0]) if isinstance(words, tuple) else "",
)
def test_what_prints_figures_prints_json_alone_if_asked_to(words, keys):
    assert keys <= set(json.loads(asked(*words).stdout))


def test_lists_are_json_lists():
    assert [found["name"] for found in json.loads(asked("scenarios", "--json").stdout)] == scenario_names()
    matrix = json.loads(asked("contract", "coverage", WRONG_SERVER, "--json", "-").stdout)
    assert {"group", "name", "provider"} <= set(matrix[0])


def test_settings_and_faults_are_printed_as_the_tables_have_them():
    settings = json.loads(asked("settings", "--json").stdout)
    assert [(one["setting"], one["built_in"], one["meaning"]) for one in settings] == [
        (name, setting.default, setting.meaning) for name, setting in SETTINGS.items()
    ]
    faults = json.loads(asked("faults", "--json").stdout)
    assert [(one["kind"], tuple(one["arguments"]), one["work_done"]) for one in faults] == [
        (name, kind.arguments, kind.work_done) for name, kind in KINDS.items()
    ]
    for command, names in (("settings", SETTINGS), ("faults", KINDS)):
        printed = asked(command).stdout
        assert [line for line in printed.splitlines() if not line.startswith(" ")] == list(names)


@pytest.mark.parametrize("name", scenario_names())
def test_a_scenario_is_printed_with_all_that_is_in_its_file(name):
    found = json.loads(asked("scenarios", name, "--json").stdout)
    printed, scenario = asked("scenarios", name).stdout, load_scenario(name)
    assert (found["settings"], len(found["changes"]), len(found["faults"]), found["file"]) == (
        scenario.values, len(scenario.changes), len(scenario.faults), scenario.text,
    )  # fmt: skip
    assert printed.startswith(f"{name}: {scenario.description}")
    changed = [*scenario.values, *(setting for change in scenario.changes for setting in change.values)]
    assert [setting for setting in changed if f": {setting} = " not in printed] == []
    assert printed.count("fault: kind ") == len(scenario.faults)


def test_a_scenario_of_ones_own_is_printed_with_its_users(tmp_path):
    file = tmp_path / "ours.toml"
    file.write_text('description = "Ours."\nusers = ["me@example.org", "you@example.org"]\n', encoding="utf-8")
    lines = asked("scenarios", file).output.splitlines()
    assert [line for line in lines if "@" in line] == ["registered: me@example.org", "registered: you@example.org"]


def test_the_report_of_a_run_can_be_all_of_its_output():
    done = subprocess.run([*XRT_MOCK, "run", "--report", "json", "-", "--", "true"], capture_output=True, check=True)
    assert json.loads(done.stdout)["jobs"]["submitted"] == 0


# exit codes, and errors that say what to do next -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("scenarios",), 0, "calm"),
        (("scenarios", "nonsense"), 2, "there is no scenario 'nonsense'"),
        (("contract", "lint"), 0, "in order"),
        (("verify", WRONG_SERVER, "--questions-only"), 1, "kinds of findings"),
        (("ctl", "--url", "http://127.0.0.1:1", "clock"), 1, "start a simulator with: xrt-mock serve"),
        (("verify", "http://127.0.0.1:1"), 2, "start a server there, such as: xrt-mock serve"),
        (("contract", "coverage", "http://127.0.0.1:1"), 2, "start a server there, such as: xrt-mock serve"),
        (("verify", "no_such_module:app"), 2, "base URL of a server, or module:app"),
        (("verify", "json:app"), 2, "base URL of a server, or module:app"),
        (("verify", "fake"), 2, "neither a URL nor"),
        (("contract", "diff", __file__, __file__), 2, "neither YAML nor JSON"),
        (("contract", "diff", "CITATION.cff", "CITATION.cff"), 2, "no OpenAPI document"),
        (("run", "--report", "html", "/no/such/folder/report.html", "--", "true"), 2, "make it first"),
        (("run", "--fail-on", "nonsense", "--", "true"), 2, "write one of active"),
        (("proxy", "--ca", "/no/such/folder/ca.pem"), 2, "make it first"),
        (("proxy", "--ca", "/"), 2, "it is a folder; add the name of a file"),
        (("proxy", "--host", "0.0.0.0"), 2, "must be a loopback address: the proxy does not check callers"),
        (("serve", "--url", "xrt.example.org"), 2, "is not an address such as https://xrt.example.org"),
        (("serve", "--url", "https://"), 2, "is not an address such as https://xrt.example.org"),
        (("advise", "--sources", 1, "--products", "lc,film"), 2, "there is no product 'film'; known: lc, spec, "),
        (("serve", "--port", 99999), 2, "0<=x<=65535"),
        (("servve",), 2, "Did you mean 'serve'?"),
    ],
)  # fmt: skip
def test_a_command_ends_with_the_documented_code_and_says_what_to_do(words, code, said, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    done = asked(*words)
    assert (done.exit_code, said in done.output) == (code, True), done.output
    assert f"| {code} |" in page("reference/command-line.md")


@pytest.mark.parametrize("module", ["matplotlib", "locust"])
def test_a_missing_package_is_named_with_what_installs_it(module, monkeypatch):
    @main.command("needy")
    def needy():
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    try:
        done = asked("needy")
    finally:
        del main.commands["needy"]
    assert (done.exit_code, 'pip install "xrt-mock[' in done.output) == (2, True)


def test_a_command_whose_packages_are_missing_says_so_and_leaves_the_others(monkeypatch):
    monkeypatch.delitem(sys.modules, "contracts.cli", raising=False)
    monkeypatch.setitem(sys.modules, "yaml", None)  # as if it could not be imported
    said = 'yaml is not installed, but this command needs it; install it with: pip install "xrt-mock[contracts]"'
    done = asked("contract", "lint")
    assert (done.exit_code, done.output) == (2, f"Error: {said}\n")
    assert "(not installed) yaml is not installed" in asked("--help").output
    assert asked("scenarios").exit_code == 0


def test_a_command_that_lacks_a_module_of_ours_has_a_bug(monkeypatch):
    monkeypatch.setitem(sys.modules, "mock_server.cli.sky", None)  # as if it could not be imported
    done = asked("sky")
    assert (done.exit_code, "import of mock_server.cli.sky halted" in done.output) == (70, True)


def test_a_report_as_a_page_needs_what_draws_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it could not be imported
    done = asked("run", "--report", "html", "-", "--", "true")
    assert (done.exit_code, 'pip install "xrt-mock[analysis]"' in done.output) == (2, True)


def test_without_click_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "click", None)  # as if it could not be imported
    spec = find_spec("mock_server.cli.main")
    assert spec is not None
    assert spec.loader is not None
    entry = module_from_spec(spec)
    spec.loader.exec_module(entry)
    with pytest.raises(SystemExit, match="2"):
        entry.main()
    assert capsys.readouterr().err == (
        'xrt-mock: the simulator is not installed; install it with: pip install "xrt-mock[server]"\n'
    )


def test_a_file_that_may_not_be_written_is_named_before_anything_is_done(tmp_path, monkeypatch):
    file = tmp_path / "report.json"
    monkeypatch.setattr(os, "access", lambda path, _mode: path != tmp_path)  # root may do anything
    done = asked("run", "--report", "json", file, "--", "touch", tmp_path / "begun")
    assert (done.exit_code, f"{file} cannot be written: permission denied" in done.output) == (2, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "bug", [ValueError("a bug"), ModuleNotFoundError("a bug", name="nampy"), KeyError("a bug"), OSError(5, "a bug")]
)
def test_a_bug_shows_where_it_is_and_has_a_code_of_its_own(bug):
    @main.command("needy")
    def needy():
        raise bug

    try:
        done = asked("needy")
    finally:
        del main.commands["needy"]
    assert done.exit_code == 70
    assert "Traceback" in done.output
    assert "in needy" in done.output
    assert "please report it" in done.output
    assert "| 70 |" in page("reference/command-line.md")


@pytest.mark.parametrize(
    "broken", ["mock_server.reports.limits.Limit.judge", "mock_server.run.start.Programs.wait", ""], ids=str
)
def test_a_bug_in_a_run_does_not_take_its_report_away(broken, tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise ValueError("a bug")

    def fail_for_html(form, material):
        return render(form, material) if form != "html" else fail()

    render = files.render_report
    monkeypatch.setattr(files, "render_report", fail_for_html)
    if broken:
        monkeypatch.setattr(broken, fail)
    forms = ("text", "json") if broken else ("text", "html", "json")
    wanted = [words for form in forms for words in ("--report", form, tmp_path / form)]
    done = asked("run", *wanted, "--fail-on", "active>5", "--", "true")
    assert (done.exit_code, "a bug" in done.output) == (70, True), done.output
    assert json.loads((tmp_path / "json").read_text("utf-8"))["jobs"]["submitted"] == 0
    assert (tmp_path / "text").exists()


def test_a_run_that_watches_the_contract_reports_that_no_call_left_it():
    done = asked("run", "--contract", "--report", "json", "-", "--", "true")
    assert (done.exit_code, json.loads(done.stdout)["contract_violations"]) == (0, [])


# load ------------------------------------------------------------------------------------------------------------

REAL_ADDRESSES = ["https://www.swift.ac.uk", "http://SWIFT.AC.UK:80/x", "www.swift.ac.uk.", "swift.ac.uk", "http://[x"]


@pytest.mark.parametrize("address", REAL_ADDRESSES)
def test_the_real_service_is_not_put_under_load(address):
    done = asked("load", address, "--headless")
    assert (done.exit_code, "must not be put under load" in done.output) == (2, True)


def test_load_asks_whether_anybody_answers_before_it_starts():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    done = asked("load", address, "--headless")
    assert done.exit_code == 2
    assert f"nothing answers at {address}" in done.output
    assert "xrt-mock serve" in done.output


@pytest.mark.parametrize(
    "option", [("--host", "https://www.swift.ac.uk"), ("-H", "http://other"), ("--host=http://other",)]
)
def test_load_has_no_second_address(option):
    done = asked("load", "http://127.0.0.1:8000", *option)
    assert (done.exit_code, "without --host" in done.output) == (2, True)


def test_load_becomes_locust_with_our_users_and_its_own_options(monkeypatch):
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, words: became.append([program, *words]))
    with MockServer() as server:
        assert asked("load", server.url, "-u", 3, "--headless", "Throttled").exit_code == 0
    ((program, *words),) = became
    assert (program, words[:4]) == (sys.executable, [sys.executable, "-m", "locust", "-f"])
    assert "class Throttled" in Path(words[4]).read_text(encoding="utf-8")
    assert words[5:] == ["--host", server.url, "-u", "3", "--headless", "Throttled"]


LOAD = """
import locust, sys
from locust.env import Environment
from mock_server.cli.load.users import Campaign, Impatient, ManyJobs, Throttled
kinds = [Campaign, Impatient, ManyJobs, Throttled]
environment = Environment(host=sys.argv[1], user_classes=kinds)
for kind in kinds:
    kind.host = sys.argv[1]
failures = []
environment.events.request.add_listener(lambda exception, **_: exception and failures.append(str(exception)))
"""
"""The load in a process of its own: Locust replaces parts of the standard library when it is loaded."""


def under_load(address, program):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD + program, address], capture_output=True, text=True, check=False
    )


def test_a_user_looks_at_the_address_that_it_will_call_wherever_that_came_from():
    done = under_load(
        "https://www.swift.ac.uk",
        """
environment.create_local_runner()
for may_not in (lambda: locust.events.test_start.fire(environment=environment), lambda: Throttled(environment)):
    try:
        may_not()
    except SystemExit as refusal:
        print(environment.runner.state, refusal)
""",
    )
    stopped = "stopped https://www.swift.ac.uk is the real service, which must not be put under load"
    assert done.stdout.splitlines() == [f"{stopped}; use a simulator", stopped], done.stderr


@pytest.mark.spoils_answers("one call fails and one is refused, which the users have to count as failures")
def test_each_user_of_a_load_behaves_as_its_name_says():
    with MockServer(settings={"limits.active_jobs": 12}) as server:
        server.controls.plan_fault({"kind": "status", "status": 500, "operation": "listOldJobs", "times": 1})
        server.controls.plan_fault({"kind": "refuse", "text": "Not now.", "operation": "getOldProduct"})
        done = under_load(
            server.url,
            """
locust.events.test_start.fire(environment=environment)
for kind, turns in {
    Throttled: ["turn", "turn"],
    ManyJobs: ["turn", "turn"],
    Impatient: ["turn", "turn", "turn"],
    Campaign: ["look_back", "look", "look", "look_back", "go_on", "go_on", "go_on", "go_on", "go_on"],
}.items():
    user = kind(environment)
    user.on_start()
    for turn in turns:
        getattr(user, turn)()
    print(kind.__name__, user.address)
print(failures)
""",
        )
        *users, failures = done.stdout.splitlines()
        calls = {
            name: [call.operation for call in server.journal.where(user=address)]
            for name, address in map(str.split, users)
        }
    submit, count, look = "run_userobject", "getNumJobs", "checkProductStatus"
    assert calls == {
        "Throttled": [count, *[submit] * 5, count],
        "ManyJobs": [submit] * 13,
        "Impatient": [submit, look, look],
        "Campaign": ["listOldJobs", submit, look, "listOldJobs", "getOldProduct", *[count, submit] * 4, count],
    }
    assert failures == "['HTTP status 500', 'Not now.']"


@pytest.mark.parametrize(("ends", "code"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", 137), ("pass", 0)])
def test_a_program_that_is_run_keeps_its_exit_code(ends, code):
    program = [sys.executable, "-c", f"import os, sys; {ends}"]
    assert subprocess.run([*XRT_MOCK, "run", "--", *program], capture_output=True, check=False).returncode == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.csv",), "nowhere.csv: No such file"),
        (("sources.csv", "--json", "/no/such/folder/x.json"), "make it first"),
        (("sources.csv", "--set", "nonsense"), "write NAME=VALUE"),
    ],
)
def test_the_client_says_what_is_wrong_before_anything_is_sent(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("sources.csv").write_text("name\nGK Per\n", encoding="utf-8")
    assert campaign_cli.main(["campaign", *words, "--user", "me@example.org"]) == 2
    assert said in capsys.readouterr().err


def test_the_client_prints_its_summary_as_json_alone_if_asked_to(tmp_path, monkeypatch, capsys, xrt_mock):
    monkeypatch.chdir(tmp_path)
    Path("sources.csv").write_text("name,Image.energies\nGK Per,0.3-10\n", encoding="utf-8")
    assert campaign_cli.main(["campaign", "sources.csv", "--user", "me@example.org", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] == 1
