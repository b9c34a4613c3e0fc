"""The line of the user's program that a call is blamed on."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from mock_server.transport.callsite import calling_line, lines_of, short_words, user_line

TOOLS = """
def post(ask):
    return ask()

def again(ask, depth):
    return again(ask, depth - 1) if depth else ask()
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Run a program that can ask for the line that called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "tools.py").write_text(TOOLS)

    def run(text: str) -> object:
        names: dict[str, object] = {"calling_line": calling_line}
        exec(compile(textwrap.dedent(text), str(tmp_path / "pipeline.py"), "exec"), names)
        sys.modules.pop("tools", None)
        return names["found"]

    return run


def test_a_line_of_the_program_itself_stands_alone(program):
    assert program("found = calling_line()") == "pipeline.py:1"


def test_a_program_that_a_library_runs_among_its_own_names_is_named(program):
    text = """
        import json.tool
        vars(json.tool)["calling_line"] = calling_line
        exec(compile("found = calling_line()", "Snakefile", "exec"), vars(json.tool))
        found = vars(json.tool).pop("found")
    """
    assert program(text) == "Snakefile:1"


def test_a_helper_is_named_with_the_line_that_called_it(program):
    text = """
        from tools import post
        found = post(lambda: calling_line())
    """
    assert program(text) == "pipeline.py:3, called from tools.py:3"
    assert program("from tools import post\nfound = post(calling_line)") == "tools.py:3, called from pipeline.py:2"


def test_a_function_that_calls_itself_is_named_once(program):
    text = "from tools import again\nfound = again(calling_line, 5)"
    assert program(text) == "tools.py:6, called from pipeline.py:2"


def test_a_thread_of_the_program_is_named_by_its_own_function(program):
    text = """
        import threading
        lines = []
        thread = threading.Thread(target=lambda: lines.append(calling_line()))
        thread.start()
        thread.join()
        found = lines
    """
    assert program(text) == ["pipeline.py:4"]


def test_a_cell_is_named_by_its_file_where_no_shell_runs():
    assert user_line("/tmp/ipykernel_17/3.py", 2) == "3.py:2"


def test_an_exception_is_named_by_the_innermost_line_of_the_user(program):
    text = """
        import json
        try:
            json.loads("{")
        except ValueError as error:
            found = error
    """
    error = program(text)
    assert isinstance(error, ValueError)
    assert lines_of(error)[0] == "pipeline.py:4"
    assert short_words(error).startswith("JSONDecodeError: Expecting property name")
    assert len(short_words(ValueError("x" * 1000))) < 200
    assert short_words(ValueError("first\nsecond")) == "ValueError: first"


def test_a_cell_of_a_notebook_is_named_by_its_number():
    pytest.importorskip("ipykernel")
    program = """
        import sys
        from ipykernel.compiler import XCachingCompiler
        from IPython.core.interactiveshell import InteractiveShell
        from mock_server.transport.callsite import calling_line
        class Shell(InteractiveShell):
            compiler_class = XCachingCompiler
        shell = Shell.instance(user_ns={"calling_line": calling_line}, history_manager=None)
        shell.run_cell("1 + 1", store_history=True)
        shell.run_cell("x = 1\\nprint('found', calling_line())", store_history=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False, timeout=120
    )
    assert "found cell In[2]:2" in done.stdout.splitlines(), done.stderr
