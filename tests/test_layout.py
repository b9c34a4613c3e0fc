"""The layout: who may import whom, what importing costs, and that every operation of the contract is there."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from contracts import documents
from mock_server.core.faults import OPERATIONS
from mock_server.web.api import OPERATIONS as ANSWERED
from mock_server.web.routes import flask_app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGES = ("contracts", "mock_server", "xrt_client")


class Folder(NamedTuple):
    """Imports that the modules of a folder of `mock_server` may have."""

    own: str = ""
    """Folders of `mock_server`; a folder may always import from itself."""
    foreign: str = ""
    """Packages from outside, the standard library apart."""


_BELOW_WEB = "core clocks products reports run scenario service sky storage submission transport"
FOLDERS = {
    "core": Folder(),
    "storage": Folder("core", "psycopg"),
    "submission": Folder("core"),
    "sky": Folder("core"),
    "clocks": Folder("core storage"),
    "products": Folder("core submission sky", "numpy scipy astropy PIL threadpoolctl cachetools"),
    "scenario": Folder("core storage submission sky products"),
    "transport": Folder("core clocks", "requests urllib3 httpx trustme werkzeug"),
    "reports": Folder("core scenario", "jinja2 matplotlib"),
    "run": Folder("core clocks transport", "time_machine"),
    "service": Folder("core storage submission sky clocks products scenario reports"),
    "web": Folder("core submission sky products scenario transport reports service", "flask werkzeug"),
    "simulator": Folder(f"{_BELOW_WEB} web", "flask"),
    "serve": Folder(f"{_BELOW_WEB} web simulator", "flask gevent httptools"),
    "hunt": Folder(f"{_BELOW_WEB} web simulator", "hypothesis"),
    "cli": Folder(f"{_BELOW_WEB} web simulator serve hunt", "click requests locust"),
    "": Folder(f"{_BELOW_WEB} web simulator serve hunt", "pytest"),
}
"""In the order of the imports: a folder imports from those above it. `simulator` is a module; the last row holds the
other public entry points."""
ENTRY_POINTS = {"__init__.py", "py.typed", "pytest_plugin.py", "simulator.py", "wsgi.py"}
CLIENT_LAYERS = (  # each imports only from those before it
    "errors keywords parameters delegate",
    "retry shapes files analysis",
    "wire ledger",
    "transport product",
    "jobs draft rebin shorthand",
    "retrieve submission",
    "results",
    "request",
    "campaign",
    "campaign_cli",
    "__init__",
)
CLIENT_FOREIGN = {"transport": "requests", "analysis": "numpy pandas scipy matplotlib"}


class Import(NamedTuple):
    """One import that is carried out: `lazy` ones when a function runs, the others when the module is loaded."""

    module: str
    lazy: bool


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


@cache
def imports_of(name: str) -> list[Import]:
    """Return the imports of a module by full name, those for type checking left out."""
    return list(_imports_in(ast.parse(MODULES[name].read_text("utf-8")), name, lazy=False))


def _imports_in(node: ast.AST, name: str, *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import(names=names):
                yield from (Import(alias.name, lazy) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = name.split(".")[:-level] if level else []
                source = ".".join([*base, *([module] if module else [])])
                yield from (Import(_full(source, alias.name), lazy) for alias in names)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _imports_in(child, name, lazy=True)
            case _:
                yield from _imports_in(child, name, lazy=lazy)


def _full(source: str, name: str) -> str:
    return f"{source}.{name}" if f"{source}.{name}" in MODULES else source


def own(name: str) -> str:
    """Return the name of a module within its package, or of the sub-package that it is in."""
    return [*name.split("."), "__init__"][1]


def package_of(name: str) -> str:
    return name.partition(".")[0]


def folder_of(name: str) -> str:
    """Return the row of a module of `mock_server` in FOLDERS."""
    return own(name) if own(name) in FOLDERS else ""


def foreign(name: str) -> set[str]:
    packages = {package_of(i.module) for i in imports_of(name)}
    return packages - sys.stdlib_module_names - {package_of(name)}


SERVER = [name for name in MODULES if package_of(name) == "mock_server"]
CLIENT = [name for name in MODULES if package_of(name) == "xrt_client"]


def test_only_public_entry_points_stand_beside_the_folders_of_the_simulator():
    here = ROOT / "mock_server"
    assert {path.name for path in here.iterdir() if path.is_file()} == ENTRY_POINTS
    assert {path.name for path in here.iterdir() if path.is_dir()} - {"__pycache__"} == set(FOLDERS) - {"simulator", ""}


def test_the_folders_stand_in_the_order_of_their_imports():
    order = list(FOLDERS)
    for name, folder in FOLDERS.items():
        assert set(folder.own.split()) <= set(order[: order.index(name)]), name


@pytest.mark.parametrize("name", SERVER)
def test_a_module_of_the_simulator_imports_from_the_folders_it_may(name):
    folder = folder_of(name)
    allowed = {folder, *FOLDERS[folder].own.split()}
    imported = {i.module for i in imports_of(name) if package_of(i.module) == "mock_server" and i.module in MODULES}
    assert [module for module in imported if folder_of(module) not in allowed] == []


@pytest.mark.parametrize("name", SERVER)
def test_a_module_of_the_simulator_imports_the_foreign_packages_of_its_folder(name):
    allowed = FOLDERS[folder_of(name)].foreign.split()
    assert foreign(name) <= set(allowed), f"{name} may import {allowed or 'no foreign package'}"


@pytest.mark.parametrize("name", CLIENT)
def test_a_module_of_the_client_imports_from_layers_below_it_alone(name):
    layers = {module: depth for depth, names in enumerate(CLIENT_LAYERS) for module in names.split()}
    assert own(name) in layers, f"{name} is in no layer: put it into one of CLIENT_LAYERS in {Path(__file__).name}"
    for imported, lazy in imports_of(name):
        if package_of(imported) == "xrt_client" and not lazy and own(imported) not in ("__init__", own(name)):
            assert layers[own(imported)] < layers[own(name)], f"{name} imports {imported}, back or sideways"


@pytest.mark.parametrize("name", CLIENT)
def test_the_client_knows_neither_the_others_nor_needs_more_than_requests(name):
    assert foreign(name) <= set(CLIENT_FOREIGN.get(own(name), "").split())


@pytest.mark.parametrize("name", [name for name in MODULES if package_of(name) == "contracts"])
def test_the_contract_knows_neither_client_nor_simulator(name):
    assert not foreign(name) & {"mock_server", "xrt_client"}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_one_another_in_a_circle(package):
    graph = {
        name: {i.module for i in imports_of(name) if not i.lazy and package_of(i.module) == package} - {name}
        for name in MODULES
        if package_of(name) == package
    }
    circle: list[str] = []
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]
    assert circle == []


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_sorted_and_there(package):
    public = getattr(importlib.import_module(package), "__all__", [])
    assert list(public) == sorted(public)
    assert all(hasattr(importlib.import_module(package), name) for name in public)


@pytest.mark.parametrize(
    ("imported", "kept_out"),
    [
        ("mock_server", "numpy scipy astropy PIL flask psycopg gevent requests xrt_client contracts"),
        (
            "mock_server.web.app",
            "flask werkzeug jinja2 numpy scipy astropy PIL psycopg gevent requests pandas xrt_client contracts",
        ),
        ("mock_server.cli.commands", "numpy flask psycopg gevent xrt_client contracts"),
        ("xrt_client", "numpy pandas scipy matplotlib mock_server contracts"),
        ("contracts", "mock_server xrt_client schemathesis numpy"),
    ],
)
def test_importing_a_package_loads_nothing_it_does_not_need(imported, kept_out):
    script = f"import sys, {imported}; print(*sorted(set(sys.argv[1:]) & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", script, *kept_out.split()], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert found.stdout.split() == [], f"import {imported} also loads {found.stdout}"


OURS = {"static", "pages.cancelPage"}
"""Routes of the simulator alone, for browsers; the contract says nothing of them. So are those of the dashboard."""
OF_PEOPLE = {"jobPage", "jobPageIndex", "statusCheck", "registerPage", "register"}
"""Pages: not made to fail one by one; an outage does."""
BY_FUNCTION = {
    "main": (
        "rebinLightCurve",
        "checkRebinStatus",
        "cancelRebin",
        "downloadLightCurve",
        "GRBNameToTargetID",
        "downloadSpectrum",
        "getGRBPositions",
        "timesliceSpectrum",
        "checkSliceStatus",
        "cancelSlice",
    ),
    "downloadRebinnedFile": ("downloadFile",),
}
"""Operations of the contract that have other names in faults and journal."""


def test_every_operation_of_the_contract_is_routed():
    urls = flask_app().url_map.bind("127.0.0.1")
    for document in ("jobs", "control"):
        for operation in documents.operations(document).values():
            path = operation.path.replace("{JobID}", "1").replace("{job_id}", "1")
            filled = "".join(part if "{" not in part else "1" for part in _split(path))
            assert urls.test(filled, operation.method), f"nothing answers {operation.method} {operation.path}"


def _split(path: str) -> list[str]:
    return path.replace("{", "\0{").replace("}", "}\0").split("\0")


def test_every_operation_of_the_contract_can_be_made_to_fail():
    for operation in documents.operations("jobs"):
        if operation not in OF_PEOPLE:
            for name in BY_FUNCTION.get(operation, (operation,)):
                assert name in OPERATIONS, f"{operation} is missing in mock_server.core.faults.OPERATIONS"


def test_every_operation_that_is_answered_can_be_made_to_fail():
    assert set(ANSWERED) | {"downloadProduct", "downloadFile", "downloadBurstCurve", "downloadBurstSpectrum"} == set(
        OPERATIONS
    )


def test_every_route_is_in_the_contract():
    for rule in flask_app().url_map.iter_rules():
        if rule.endpoint in OURS or rule.endpoint.startswith("dashboard."):
            continue
        path = rule.rule.replace("<any(xrt_curves, xrt_spectra):place>", "xrt_curves").replace("<job_id:target>", "1")
        path = path.replace("<job_id:job_id>", "1").replace("<path:path>", "lc.zip").rstrip("/")
        known = any(documents.operation_for(method, path) for method in rule.methods or ())
        assert known, f"{rule.rule} is not in contracts/openapi"
