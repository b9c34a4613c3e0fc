"""Notebooks are executed in simulated time."""

import sys

import nbformat
import pytest

from mock_server.run.start import run
from tests.server.programs import START, notes, program


def test_a_program_that_executes_a_notebook_waits_for_its_kernel_in_real_time(tiny, tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import time; time.sleep(3600)")])
    nbformat.write(notebook, tmp_path / "campaign.ipynb")
    text = f"""
        import nbformat
        from nbclient import NotebookClient
        NotebookClient(nbformat.read({str(tmp_path / "campaign.ipynb")!r}, 4), timeout=600).execute()
        time.sleep(60)
        note("executed")
    """
    assert run(tiny, program(tmp_path, text)) == 0
    assert notes(tmp_path) == ["3660 executed"]


@pytest.mark.nightly
def test_sphinx_executes_a_notebook_in_simulated_time(tiny, tmp_path):
    pytest.importorskip("myst_nb")
    cells = ["import time\nbegan = time.time()", "time.sleep(3600)\nassert round(time.time() - began) == 3600"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Page")])
    notebook.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(notebook, tmp_path / "index.ipynb")
    settings = ["extensions = ['myst_nb']", "nb_execution_mode = 'force'", "nb_execution_raise_on_error = True"]
    (tmp_path / "conf.py").write_text("\n".join([*settings, "nb_execution_timeout = 600"]))
    assert run(tiny, [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(tmp_path), str(tmp_path / "out")]) == 0
    assert tiny.clock.now() >= START + 3600


def test_a_notebook_is_executed_in_simulated_time(tiny, tmp_path):
    cells = [
        "import time, requests\nbegan = time.time()",
        "def call():\n    requests.post('https://www.swift.ac.uk/call', json={'who': 'cell'})",
        "for _ in range(3):\n    call()\n    time.sleep(3600)",
        "assert round(time.time() - began) == 3 * 3600, time.time() - began",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, tmp_path / "campaign.ipynb")
    assert run(tiny, [sys.executable, "-m", "jupyter", "execute", str(tmp_path / "campaign.ipynb")]) == 0
    assert [(round(at), who) for at, who in tiny.calls] == [(0, "cell"), (3600, "cell"), (7200, "cell")]
