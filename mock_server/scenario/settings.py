"""Settings: all that a scenario may set, and that may change at any moment of simulated time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.errors import InputInvalid
from ..core.validation import FLAG, TEXT, Rule, check, check_known, number, one_of, whole

if TYPE_CHECKING:
    from collections.abc import Mapping


class ScenarioError(InputInvalid):
    """A scenario that cannot be used; the text says where and what to do."""


class Setting(NamedTuple):
    """Built-in value of a setting, what it may be, and what it means."""

    default: Any
    rule: Rule
    meaning: str

    @property
    def must_be(self) -> str:
        """What the value may be, in words."""
        return self.rule.must_be


_SHARE = number(0, 1)
_SECONDS = number(0, what="a number of seconds")
_VERSION = Rule(
    lambda value: isinstance(value, str) and re.fullmatch(r"[0-9]+(\.[0-9]+){1,2}", value) is not None,
    "two or three numbers, such as '1.12'",
)

SETTINGS: dict[str, Setting] = {
    "limits.active_jobs": Setting(100, whole(0), "maximum number of active jobs of a user"),
    "queue.slots": Setting(64, whole(0), "number of builds that run at the same time, for all users together"),
    "queue.requested_s": Setting(5, _SECONDS, "time from a submission until its builds enter the queue [s]"),
    "queue.dispatch_every_s": Setting(55, _SECONDS, "interval at which builds leave the queue [s]"),
    "queue.run_limit_s": Setting(43200, _SECONDS, "a longer run is stopped and fails (documented: 12 h) [s]"),
    "background.load": Setting(0.0, _SHARE, "mean share of the slots that other users occupy"),
    "background.swing": Setting(0.0, _SHARE, "largest deviation from that share; drawn for every hour"),
    "durations.factor": Setting(1.0, number(1e-6), "factor for all durations"),
    "durations.scatter": Setting(0.25, number(0, 3), "sigma of the log-normal distribution of durations"),
    "outcomes.failed": Setting(0.0, _SHARE, "share of the builds that fail (-3)"),
    "outcomes.not_queued": Setting(0.0, _SHARE, "share of the builds that cannot be queued (-2)"),
    "outcomes.not_requested": Setting(0.0, _SHARE, "share of the builds that cannot be requested (-1)"),
    "retention.days": Setting(
        7, number(0, what="a number of days"), "products are kept this long after their job ends"
    ),
    "api.version": Setting("1.12", _VERSION, "APIVersion in every answer"),
    "api.component_version": Setting("1.0.5", _VERSION, "APIVersion in answers of main.php"),
    "api.mirror_caller": Setting(False, FLAG, "answer with the version that the caller sent"),
    "api.json_label": Setting(False, FLAG, "label JSON as JSON, for tools; the service labels it as a page"),
    "api.deprecation_type": Setting("", TEXT, "type of the deprecation warning"),
    "api.deprecation_message": Setting("", TEXT, "text of the deprecation warning; empty: no warning"),
    "sky.unknown_names": Setting(
        "refuse", one_of("refuse", "draw"), "refuse names that no table has, or draw a position for them"
    ),
    "archive.unknown_observations": Setting(
        "believe",
        one_of("believe", "refuse"),
        "observation IDs in useObs that the archive does not have: believe that they exist, or find no data",
    ),
    "service.available": Setting(True, FLAG, "false: no build starts, and every call gets a page with status 503"),
}
"""Every setting but ``defaults.NAME``, which overrides the service's default of the parameter with that wire name."""

_DEFAULTS = "defaults."


def defaults_in(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the overridden parameter defaults among some settings, by wire name."""
    return {name.removeprefix(_DEFAULTS): value for name, value in values.items() if name.startswith(_DEFAULTS)}


def check_settings(values: Mapping[str, Any]) -> None:
    """Raise :class:`ScenarioError` unless every setting exists and may have its value."""
    try:
        if defaults := defaults_in(values):
            from ..submission.read import check_defaults  # noqa: PLC0415 - few scenarios have any

            check_defaults(defaults)
        for name, value in values.items():
            if not name.startswith(_DEFAULTS):
                check_known(name, SETTINGS, "there is no setting")
                check(name, value, SETTINGS[name].rule)
    except ValueError as error:
        raise ScenarioError(str(error)) from error
