"""An assertion about the handshakes of captures, for any test framework."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapcheck.policy.policy import Policy
    from pcapcheck.report.report import Report

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]


def assert_handshakes_ok(
    paths: Paths,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    expect: Sequence[str] = (),
    fail_on: str = "error",
    require_handshakes: int = 1,
    baseline: str = "",
    policy: Policy | None = None,
) -> Report:
    """Raise AssertionError, with findings and ladders, unless every handshake of the captures is right.

    ``paths``, ``select`` and ``ignore`` are those of `pcapcheck.check`; ``expect`` are expectations, as
    ``"refused == 0"``. What is as severe as ``fail_on`` (error, warning, note, info, never) fails, and so do fewer
    handshakes than ``require_handshakes``: a capture without any shows nothing. What the file ``baseline`` knows does
    not. No policy file is read; a ``policy`` is given instead of select and ignore, and expectations are asked besides
    its own. Gives the report.

    Raises CaptureError for an input that cannot be read, UsageError for a rule, an expectation, a severity or a
    baseline that is none.
    """
    from pcapcheck.errors import UsageError
    from pcapcheck.expect.ask import Asked
    from pcapcheck.expect.parser import parse
    from pcapcheck.policy.policy import Policy
    from pcapcheck.policy.values import FAIL_ON
    from pcapcheck.run import check

    __tracebackhide__ = True
    if fail_on not in FAIL_ON:
        raise UsageError(f"fail_on={fail_on!r}: needed one of {', '.join(FAIL_ON)}")
    if policy is not None and (select or ignore):
        raise UsageError("rules are selected and ignored by the policy, where there is one")
    policy = policy or Policy(tuple(select), tuple(ignore))
    asked = tuple(Asked(parse(text)) for text in expect)
    report = check(paths, policy=policy._replace(expectations=policy.expectations + asked))
    if baseline:
        from pcapcheck.report.baseline import new_only, read_baseline

        report = new_only(report, read_baseline(baseline)).report
    judge(report, fail_on=fail_on, require_handshakes=require_handshakes)
    return report


def judge(report: Report, *, fail_on: str, require_handshakes: int) -> None:
    """Raise what is wrong with a report: AssertionError, or the CaptureError of an input that could not be read."""
    from pcapcheck.report.escape import escaped
    from pcapcheck.report.failure import fails, failure_text

    __tracebackhide__ = True
    if report.errors:
        raise report.errors[0]
    if fails(report, fail_on):
        raise AssertionError(failure_text(report, fail_on))
    found = report.outcomes().total()
    if found < require_handshakes:
        names = ", ".join(escaped(facts.path) for facts in report.capture_facts) or "no capture"
        raise AssertionError(f"{names}: {found} handshakes, needed at least {require_handshakes}")
