"""Stateful test: several users submit, query, cancel, list and download jobs in any order while time moves.

Hypothesis chooses the calls and their order; `checks` and `history` check every answer. The rules follow the links of
the document: a later call names what an earlier call returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import hypothesis.strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

from . import checks, documents
from .bodies import BASE, LIGHT_CURVE, SPECTRUM
from .history import History
from .probes import ROOT
from .protocol import PRODUCTS, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from .harness import Backend, Exchange

USERS = ("user@example.org", "second@example.org", "THIRD@example.org")
LIMIT = 4
"""Active jobs that one user may have in these scenarios: few, so that the limit is reached."""

_users = st.sampled_from(USERS)
_products = st.lists(st.sampled_from([*PRODUCTS, "nonsense"]), min_size=1, max_size=4, unique=True).map(",".join)
_seconds = st.sampled_from([0, 1, 5, 30, 55, 120, 600, 3600, 86400, 8 * 86400])
_callers = st.sampled_from([{}, {"api_name": "xrt_prods", "api_version": "1.12"}, {"api_version": "1.8"}])
_wishes = st.fixed_dictionaries(
    {},
    optional={
        "lc": st.just({k: v for k, v in LIGHT_CURVE.items() if k not in BASE}),
        "spec": st.just({k: v for k, v in SPECTRUM.items() if k not in BASE}),
        "psf": st.just({"dopsf": 1}),
        "enh": st.just({"doenh": 1}),
        "xastrom": st.sampled_from(
            [
                {"doxastrom": 1, "allxastrom": 0},
                {"doxastrom": 1, "allxastrom": 0, "detMeth": "iterative"},
                {"doxastrom": 1, "allxastrom": 1},
            ]
        ),
        "image": st.just({"image": 1}),
        "sourceDet": st.just({"sourceDet": 1, "detobs": "all"}),
    },
)
_RESULTS = ("PSFPos", "EnhPos", "XastromPos", "AstromPos", "SourceDetResults")


class Lives(RuleBasedStateMachine):
    """Calls about jobs without the contents of products. :func:`machine` gives it a server."""

    jobs: Bundle[tuple[str, int]] = Bundle("jobs")
    make_backend: ClassVar[Callable[[], Backend]]
    watch: ClassVar[Callable[[Exchange], object] | None] = None

    @initialize()
    def begin(self) -> None:
        """Reset the server."""
        self.backend = type(self).make_backend()
        self.backend.call("POST", "/_mock/reset")
        self.backend.call("PATCH", "/_mock/scenario", {"limits.active_jobs": LIMIT})
        self.history = History(complete=True, still=True, active_limit=LIMIT)

    def ask(self, name: str, body: Any) -> Exchange:
        """Call an operation below user_objects and check the answer."""
        return self.check("POST", f"{ROOT}{name}.php", body)

    def check(self, method: str, path: str, body: Any = None) -> Exchange:
        """Make a call and check the answer."""
        made = self.backend.call(method, path, body)
        watch = type(self).watch
        if watch is not None:
            watch(made)
        found = [*checks.findings(made), *self.history.observe(made)]
        if found:
            raise AssertionError("\n".join(map(str, found)))
        return made

    @rule(target=jobs, user=_users, wishes=_wishes, caller=_callers)
    def submit(self, user: str, wishes: dict[str, dict[str, Any]], caller: dict[str, Any]) -> Any:
        """Submit a complete request: it may be refused only for the limit, or because it asks for no product."""
        request = {**caller, **BASE, "UserID": user}
        for wish in wishes.values():
            request.update(wish)
        made = self.ask("run_userobject", request)
        if succeeded(made):
            return user, int(made.body["JobID"])
        if wishes and str(LIMIT) not in str(made.body["ERROR"]):
            raise AssertionError(f"a complete request was refused: {made}")
        return multiple()

    @rule(job=jobs, what=_products, progress=st.booleans())
    def status(self, job: tuple[str, int], what: str, progress: bool) -> None:
        """Ask for the status of some products."""
        request = {"UserID": job[0], "JobID": job[1], "what": what}
        self.ask("checkProductStatus", {**request, "whatProg": what} if progress else request)

    @rule(job=jobs)
    def every_status(self, job: tuple[str, int]) -> None:
        """Ask for the status of all products."""
        self.ask("checkProductStatus", {"UserID": job[0], "JobID": job[1], "what": ",".join(PRODUCTS)})

    @rule(job=jobs, what=_products)
    def cancel(self, job: tuple[str, int], what: str) -> None:
        """Cancel some products."""
        self.ask("canceljob", {"UserID": job[0], "JobID": job[1], "what": what})

    @rule(user=_users)
    def count_and_list(self, user: str) -> None:
        """Count and list at the same instant."""
        self.ask("getNumJobs", {"UserID": user.upper()})
        self.ask("listOldJobs", {"UserID": user})

    @rule(job=jobs, caller=_callers)
    def old_parameters(self, job: tuple[str, int], caller: dict[str, Any]) -> None:
        """Ask for the parameters of a job."""
        self.ask("getOldProduct", {"UserID": job[0], "oldJob": str(job[1]), **caller})

    @rule(job=jobs, user=_users)
    def stranger(self, job: tuple[str, int], user: str) -> None:
        """Ask about a job that may belong to another user."""
        for name, key in (("checkProductStatus", "JobID"), ("getOldProduct", "oldJob")):
            made = self.ask(name, {"UserID": user, key: job[1], "what": "lc"})
            if succeeded(made) != (user == job[0]):
                raise AssertionError(f"{user} asked for the job of {job[0]}: {made}")

    @rule(seconds=_seconds)
    def wait(self, seconds: int) -> None:
        """Move simulated time."""
        self.backend.call("POST", "/_mock/clock/advance", {"seconds": seconds})
        self.history.time_moved()


class LivesWithContents(Lives):
    """The same, with results and archives."""

    @rule(job=Lives.jobs, name=st.sampled_from(_RESULTS), caller=_callers)
    def result(self, job: tuple[str, int], name: str, caller: dict[str, Any]) -> None:
        """Ask for a result, finished or not."""
        self.ask(f"tprods/get{name}", {"UserID": job[0], "JobID": job[1], **caller})

    @rule(job=Lives.jobs, stem=st.sampled_from([*PRODUCTS, "all"]), form=st.sampled_from(["zip", "tar", "tar.gz"]))
    def download(self, job: tuple[str, int], stem: str, form: str) -> None:
        """Download an archive, existing or not."""
        self.check("GET", f"{ROOT}tprods/USERPROD_{job[1]}/{stem}.{form}")


def machine(
    backend: Callable[[], Backend],
    *,
    contents: bool = True,
    watch: Callable[[Exchange], object] | None = None,
) -> type[Lives]:
    """Return a state machine to run against a server with the simulator's control interface.

    Parameters
    ----------
    backend
        Returns the backend; it is reset at the beginning of each scenario.
    contents
        Whether results and archives are fetched as well.
    watch
        Called with every exchange.
    """
    base = LivesWithContents if contents else Lives
    given = {"make_backend": staticmethod(backend), "watch": staticmethod(watch) if watch else None}
    return type("Lifecycle", (base,), given)


def links() -> list[tuple[str, str]]:
    """Return the links of the document, as pairs of operations."""
    return [
        (op.id, link["operationId"])
        for op in documents.operations().values()
        for response in op.definition["responses"].values()
        for link in response.get("links", {}).values()
    ]
