"""Handshakes under the names of Zeek's conn.log.

Only what both mean alike is renamed; the rest stands below ``pcapcheck.``. What Zeek has and we do not know (bytes,
packets, duration) is no field at all. Times are decimal seconds with nine digits, written from integers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha1
from typing import Any, Final, NamedTuple, TextIO

from pcapcheck.report.escape import encodable
from pcapcheck.report.plain import handshake_dicts
from pcapcheck.report.report import Report

_encode: Final = json.JSONEncoder(check_circular=False).encode


class Seconds(NamedTuple):
    """Nanoseconds that are written as decimal seconds."""

    nanoseconds: int

    def __str__(self) -> str:
        return f"{self.nanoseconds // 10**9}.{self.nanoseconds % 10**9:09d}"


class Field(NamedTuple):
    """A field of Zeek's log: its name, Zeek's type, and the value from an object of JSON lines, None where unset."""

    name: str
    type: str
    value: Callable[[dict[str, Any]], Any]


def _same(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda row: row[name]


def _seconds(name: str) -> Callable[[dict[str, Any]], Seconds | None]:
    return lambda row: None if row[name] is None else Seconds(row[name])


_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def zeek_uid(row: dict[str, Any]) -> str:
    """A name in the form of Zeek's: the same for the same connection whatever else is in the run, or the capture."""
    text = f"{row['community_id']} {row['start_time_ns']} {row['client_isn']} {row['server_isn']}"
    number = int.from_bytes(sha1(text.encode("ascii"), usedforsecurity=False).digest()[:12])
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return f"C{digits}"


# https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html, and the policy scripts vlan-logging and
# community-id-logging.
ZEEK: Final = (
    Field("ts", "time", _seconds("start_time_ns")),
    Field("uid", "string", zeek_uid),
    Field("id.orig_h", "addr", _same("client_ip")),
    Field("id.orig_p", "port", _same("client_port")),
    Field("id.resp_h", "addr", _same("server_ip")),
    Field("id.resp_p", "port", _same("server_port")),
    Field("proto", "enum", lambda row: "tcp"),
    Field("conn_state", "string", lambda row: row["zeek_state"] or None),
    Field("history", "string", lambda row: row["history"] or None),
    Field("vlan", "int", _same("vlan")),
    Field("community_id", "string", _same("community_id")),
    Field("pcapcheck.handshake_id", "count", _same("handshake_id")),
    Field("pcapcheck.capture", "string", _same("capture")),
    Field("pcapcheck.outcome", "string", _same("outcome")),
    Field("pcapcheck.server_rtt", "interval", _seconds("server_rtt_ns")),
    Field("pcapcheck.client_rtt", "interval", _seconds("client_rtt_ns")),
    Field("pcapcheck.handshake_rtt", "interval", _seconds("handshake_rtt_ns")),
    Field("pcapcheck.findings", "vector[string]", lambda row: [finding["rule"] for finding in row["findings"]]),
    Field("pcapcheck.cause", "string", lambda row: row["cause"] or None),
)


def zeek_json_rows(out: TextIO) -> Callable[[Report], None]:
    """What writes one object a handshake, as Zeek does with ``LogAscii::use_json``: unset fields are left out."""

    def write(report: Report) -> None:
        for row in handshake_dicts(report):
            values = ((field.name, field.value(row)) for field in ZEEK)
            pairs = [f"{_encode(name)}: {_json(value)}" for name, value in values if value is not None]
            out.write(f"{{{', '.join(pairs)}}}\n")

    return write


def _json(value: Any) -> str:
    return str(value) if isinstance(value, Seconds) else _encode(value)


def zeek_log_rows(out: TextIO) -> Callable[[Report], None]:
    """Write the header of a conn.log; give what writes its lines, tabs between the fields."""
    out.write("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n")
    for head, names in (("#fields", [field.name for field in ZEEK]), ("#types", [field.type for field in ZEEK])):
        out.write("\t".join([head, *names]) + "\n")

    def write(report: Report) -> None:
        for row in handshake_dicts(report):
            out.write("\t".join(_cell(field.value(row)) for field in ZEEK) + "\n")

    return write


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ",".join(map(_cell, value)) if value else "(empty)"
    if not isinstance(value, str):
        return str(value)
    if value in ("", "-", "(empty)"):
        return {"": "(empty)", "-": "\\x2d", "(empty)": "\\x28empty)"}[value]
    return "".join(_escaped(character) for character in encodable(value))


def _escaped(character: str) -> str:
    """As Zeek escapes what would be taken for its own signs."""
    if character in "\t,\\" or not character.isprintable():
        return "".join(f"\\x{octet:02x}" for octet in character.encode())
    return character
