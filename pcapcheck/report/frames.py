"""The tables of a report as pandas DataFrames, built by columns. The dtypes are those of tables.py, also when empty."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import WINDOW_UNSEEN, Segment
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.judge import Handshakes, Ints
from pcapcheck.report.community_id import community_id
from pcapcheck.report.identify import address_text, frame_bounds, wireshark_filter
from pcapcheck.report.report import Report
from pcapcheck.stretch import CaptureFacts, open_input
from pcapcheck.tables import (
    ABSENT,
    CAPTURES,
    CAUSE,
    CAUSES,
    CERTAINTIES,
    FINDINGS,
    HANDSHAKES,
    OUTCOMES,
    SEGMENTS,
    Column,
)
from pcapcheck.window import EVERYTHING, Window

_MASKED: Final = {
    "UInt8": np.uint8, "UInt16": np.uint16, "UInt32": np.uint32, "UInt64": np.uint64,
}  # fmt: skip


def handshakes_frame(report: Report) -> pd.DataFrame:
    """One row a handshake, columns as in tables.HANDSHAKES."""
    parts = [traffic.handshakes for traffic in report.traffics]
    special = _not_integers(report, parts)
    columns: dict[str, Any] = {}
    for name, column in HANDSHAKES.items():
        if name in special:
            columns[name] = special[name]
        elif column.categories and not (parts and hasattr(parts[0], name)):
            columns[name] = _category(np.zeros(len(special["findings"]), np.int64), column.categories)
        else:
            columns[name] = _typed(_joined(parts, name), column)
    return pd.DataFrame(columns, copy=False)


def findings_frame(report: Report) -> pd.DataFrame:
    """One row a finding, columns as in tables.FINDINGS."""
    before = np.cumsum([0, *(len(traffic.handshakes) for traffic in report.traffics)]).tolist()
    rows = [
        (
            finding.handshake if finding.handshake == ABSENT else before[finding.capture] + finding.handshake + 1,
            finding.capture,
            finding.rule.id,
            finding.severity,
            list(finding.frames),
            finding.expected,
            finding.actual,
            finding.message,
        )
        for finding in report.all_findings
    ]
    return _frame(_turned(rows, FINDINGS), FINDINGS, paths=_paths(report))


def causes_frame(report: Report) -> pd.DataFrame:
    """One row a cause, columns as in tables.CAUSES."""
    rows = []
    before = 0
    for causes, traffic in zip(report.all_causes, report.traffics, strict=True):
        (explained,) = causes.first[0].nonzero()
        for index in explained.tolist():
            rows += [
                (
                    before + index + 1,
                    cause.capture,
                    cause.diagnosis.slug,
                    cause.certainty,
                    cause.diagnosis.seen(OUTCOMES[traffic.handshakes.outcome[index]]),
                    list(cause.evidence),
                    list(cause.diagnosis.rivals),
                    cause.diagnosis.decide_by,
                    cause.detail,
                )
                for cause in causes.of(index)
            ]
        before += len(traffic.handshakes)
    return _frame(_turned(rows, CAUSES), CAUSES, paths=_paths(report))


def captures_frame(report: Report) -> pd.DataFrame:
    """One row a capture, then one for each input that could not be found, columns as in tables.CAPTURES."""
    faults = report.faults()
    known = {id(facts.error) for facts in report.capture_facts}
    missing = [CaptureFacts(error.path, error=error) for error in report.errors if id(error) not in known]
    all_facts = [*report.capture_facts, *missing]
    values: dict[str, list[Any]] = {
        "capture": _paths(report) + [facts.path for facts in missing],
        "format": [", ".join(filter(None, (facts.format, facts.compression))) for facts in all_facts],
        "link_types": [list(facts.link_types) for facts in all_facts],
        "frames": [facts.frames for facts in all_facts],
        "octets": [facts.octets for facts in all_facts],
        "first_time": [facts.first_time for facts in all_facts],
        "last_time": [facts.last_time for facts in all_facts],
        "segments": [facts.segments for facts in all_facts],
        "flows": [
            *(_flows(traffic.handshakes) for traffic in report.traffics),
            *(0 for _ in missing),
        ],
        "skipped": [dict(facts.skipped) for facts in all_facts],
        "faults": [*faults, *([] for _ in missing)],
        "error": [str(facts.error or "") for facts in all_facts],
    }
    return _frame(values, CAPTURES)


def segments_frame(path: str, window: Window = EVERYTHING) -> pd.DataFrame:
    """One row a TCP segment, columns as in tables.SEGMENTS.

    Raises CaptureError where the file is no capture. Where it breaks off, ``attrs["damage"]`` of the frame says so.
    """
    names = [name for name, column in SEGMENTS.items() if column.dtype.lower().startswith(("uint", "datetime"))]
    numbers = {name: array("q") for name in (*names, "unseen")}
    take = [numbers[name].append for name in names]
    addresses: tuple[list[bytes], list[bytes]] = ([], [])
    options: list[bytes] = []
    same: dict[bytes, bytes] = {}
    first_time: int | None = None
    with open_input(path) as capture:
        for frame in capture:
            if first_time is None and frame.time_ns != NO_TIME:
                first_time = frame.time_ns
            found = decode(frame.link_type, frame.data, frame.original_length)
            if not isinstance(found, Segment):
                continue
            if window is not EVERYTHING and not window.holds(frame.time_ns, first_time or 0, found):
                continue
            window_field = ABSENT if found.unseen & WINDOW_UNSEEN else found.window
            row = (
                frame.number, frame.time_ns, found.src_port, found.dst_port, found.seq, found.ack, found.tcp_flags,
                window_field, found.payload_length, found.ttl, found.ip_id,
            )  # fmt: skip
            for append, value in zip(take, row, strict=True):
                append(value)
            addresses[0].append(same.setdefault(found.src, found.src))
            addresses[1].append(same.setdefault(found.dst, found.dst))
            options.append(same.setdefault(found.options, found.options))
    values: dict[str, Any] = {name: np.frombuffer(numbers[name], np.int64) for name in names}
    values["capture"] = np.zeros(len(options), np.int64)
    values["src_ip"], values["dst_ip"] = _addresses(addresses[0]), _addresses(addresses[1])
    values["options"] = options
    table = _frame(values, SEGMENTS, paths=[path])
    if capture.damage:
        table.attrs["damage"] = capture.damage._asdict()
    return table


def _turned(rows: Sequence[tuple[Any, ...]], schema: Mapping[str, Column]) -> dict[str, list[Any]]:
    return dict(zip(schema, map(list, zip(*rows, strict=True)) if rows else [[] for _ in schema], strict=True))


def _frame(values: Mapping[str, Any], schema: Mapping[str, Column], paths: Sequence[str] = ()) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for name, column in schema.items():
        value = values[name]
        if column.dtype == "object":
            columns[name] = _objects(value)
        elif column.dtype == "string":
            columns[name] = value if isinstance(value, pd.api.extensions.ExtensionArray) else pd.array(value, "string")
        elif name == "capture":
            columns[name] = _category(np.asarray(value, np.int64), paths)
        elif column.categories and isinstance(value, list):
            columns[name] = pd.Categorical(value, list(column.categories))
        else:
            columns[name] = _typed(np.asarray(value, np.int64), column)
    return pd.DataFrame(columns, copy=False)


def _typed(numbers: Ints, column: Column) -> Any:
    """A column of integers, ABSENT where there is none, in the dtype of its DataFrame column."""
    if column.categories:
        return _category(numbers, column.categories)
    if column.dtype.startswith("datetime"):
        # NO_TIME is what NumPy calls NaT.
        return pd.DatetimeIndex(numbers.view("datetime64[ns]")).tz_localize("UTC")
    absent = numbers == ABSENT
    if column.dtype.startswith("timedelta"):
        return np.where(absent, NO_TIME, numbers).view("timedelta64[ns]")
    if column.dtype == "boolean":
        return pd.arrays.BooleanArray(numbers == 1, absent)
    if column.dtype in _MASKED:
        return pd.arrays.IntegerArray(np.where(absent, 0, numbers).astype(_MASKED[column.dtype]), absent)
    return numbers.astype(column.dtype)


def _category(codes: Ints, categories: Sequence[str]) -> Any:
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(categories)))


def _joined(parts: Sequence[Handshakes], name: str) -> Ints:
    return np.concatenate([getattr(part, name) for part in parts]) if parts else np.empty(0, np.int64)


def _not_integers(report: Report, parts: Sequence[Handshakes]) -> dict[str, Any]:
    clients = [address for part in parts for address in part.client_address]
    servers = [address for part in parts for address in part.server_address]
    ports = [_joined(parts, name).tolist() for name in ("client_port", "server_port")]
    flows = (clients, ports[0], servers, ports[1])
    bounds = [frame_bounds(part) for part in parts]
    frames = [[frame for bound in bounds for frame in bound[end]] for end in (0, 1)]
    return {
        "handshake_id": np.arange(1, len(clients) + 1, dtype=np.uint64),
        "capture": _category(_joined(parts, "capture"), _paths(report)),
        "client_ip": _addresses(clients),
        "server_ip": _addresses(servers),
        "history": _strings([letters for part in parts for letters in part.history]),
        "community_id": _strings(list(map(community_id, *flows))),
        "wireshark_filter": _strings(list(map(wireshark_filter, *flows, *frames))),
        "findings": _objects(_rules_by_handshake(report, len(clients))),
        **_first_causes(report),
    }


def _first_causes(report: Report) -> dict[str, Any]:
    none = np.empty((2, 0), np.int64)
    cause, certainty = np.concatenate([none, *(np.array(causes.first) for causes in report.all_causes)], axis=1)
    return {"cause": _category(cause, CAUSE), "certainty": _category(certainty, CERTAINTIES)}


def _rules_by_handshake(report: Report, total: int) -> list[list[str]]:
    before = np.cumsum([0, *(len(traffic.handshakes) for traffic in report.traffics)]).tolist()
    found: list[list[str]] = [[] for _ in range(total)]
    for one in report.all_findings.checked:
        if not one.rule.per_capture:
            for index in one.handshakes(one.failed).tolist():
                found[before[one.capture] + index].append(one.rule.id)
    return found


def _addresses(addresses: Sequence[bytes]) -> Any:
    """Addresses as text: each one is turned into text once."""
    numbers: dict[bytes, int] = {}
    codes = [numbers.setdefault(address, len(numbers)) for address in addresses]
    return _strings([address_text(address) for address in numbers]).take(np.array(codes, np.intp))


def _strings(values: list[str]) -> Any:
    return pd.array(_objects(values), dtype="string")


def _objects(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _flows(handshakes: Handshakes) -> int:
    """How many 4-tuples there are, whichever side is the client."""
    clients = zip(handshakes.client_address, handshakes.client_port.tolist(), strict=True)
    servers = zip(handshakes.server_address, handshakes.server_port.tolist(), strict=True)
    return len({frozenset(ends) for ends in zip(clients, servers, strict=True)})


def _paths(report: Report) -> list[str]:
    return [facts.path for facts in report.capture_facts]
