"""Changes of the contract, and the side that they break."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from contracts import documents
from contracts.compare import Change, changes, render

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = documents.load()


def changed(edit: Callable[[dict[str, Any]], object]) -> list[Change]:
    new = copy.deepcopy(DOCUMENT)
    edit(new["components"]["schemas"])
    return changes(DOCUMENT, new)


def broken_sides(edit: Callable[[dict[str, Any]], object]) -> set[str]:
    return {change.breaks for change in changed(edit)}


def test_nothing_changes_between_a_document_and_itself():
    assert changes(DOCUMENT, copy.deepcopy(DOCUMENT)) == []
    assert render([]) == "nothing changed"


def test_a_lone_alternative_is_no_change():
    assert changed(lambda s: s.update(JobID={"oneOf": [s["JobID"]]})) == []


def test_what_is_not_understood_is_reported():
    new = copy.deepcopy(DOCUMENT)
    new["security"] = [{"token": []}]
    new["paths"]["/user_objects/run_userobject.php"]["post"]["responses"]["200"]["links"].pop("status")
    assert {change.breaks for change in changes(DOCUMENT, new)} == {"unknown"}


def test_a_body_shows_the_side():
    found = changed(lambda s: s["UserQuery"]["required"].append("api_name"))
    assert all("a client that sends {" in example for change in found for example in change.examples)


def test_descriptions_are_no_change():
    assert changed(lambda s: s["Refusal"].update(description="In other words.")) == []


@pytest.mark.parametrize(
    ("edit", "breaks"),
    [
        (lambda s: s["UserQuery"]["required"].append("api_name"), "clients"),
        (lambda s: s["StatusQuery"]["required"].remove("what"), "servers"),
        (lambda s: s["ActiveJobs"]["required"].remove("numJobs"), "clients"),
        (lambda s: s["ActiveJobs"]["properties"].pop("numJobs"), "both"),
        (lambda s: s["ProductStatuses"]["required"].append("deprecationWarning"), "servers"),
        (lambda s: s["Submission"]["properties"]["minsnr"].update({"x-default": 2.4}), "clients"),
        (lambda s: s["Submission"]["properties"]["poserr"]["anyOf"][0].update(maximum=5), "clients"),
        (lambda s: s["Submission"]["properties"]["poserr"]["anyOf"][0].update(maximum=7), "servers"),
        (lambda s: s["Submission"]["properties"]["binMeth"]["anyOf"][0]["enum"].remove("obsid"), "clients"),
        (lambda s: s["Submission"]["properties"]["binMeth"]["anyOf"][0]["enum"].append("orbit"), "servers"),
        (lambda s: s["RebinStatus"]["properties"]["status"]["enum"].append(6), "clients"),
        (lambda s: s["OldJob"]["properties"]["hasProd"].update(type="integer"), "both"),
        (lambda s: s["ActiveJobs"]["properties"].update(later={"type": "string"}), "clients"),
        (lambda s: s["Submission"]["properties"]["binMeth"]["anyOf"][0]["enum"].append(None), "nothing"),
        (lambda s: s["ActiveJobs"]["properties"]["numJobs"].update(minimum=1), "servers"),
    ],
)
def test_a_change_breaks_those_who_rely_on_it(edit, breaks):
    assert breaks in broken_sides(edit)


def test_zero_is_not_false():
    found = changed(lambda s: s["Flag"]["anyOf"][0]["enum"].remove(0))
    assert "value 0 is not accepted any more" in render(found)
    assert changed(lambda s: s["ActiveJobs"]["properties"]["OK"].update(const=True))


def test_a_changed_default_is_reported_with_both_values():
    found = changed(lambda s: s["Submission"]["properties"]["minsnr"].update({"x-default": 2.4}))
    assert "breaks clients   run_userobject request minsnr: the default was 1.5, is 2.4" in map(str, found)


def test_a_removed_operation_breaks_clients_and_a_new_one_servers():
    new = copy.deepcopy(DOCUMENT)
    new["paths"]["/user_objects/new.php"] = new["paths"].pop("/user_objects/listOldJobs.php")
    new["paths"]["/user_objects/new.php"]["post"]["operationId"] = "newOne"
    found = changes(DOCUMENT, new)
    assert Change("clients", "listOldJobs", "the operation was removed (POST /user_objects/listOldJobs.php)") in found
    assert Change("servers", "newOne", "a new operation (POST /user_objects/new.php)") in found
