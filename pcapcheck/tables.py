"""The tables between stages and in the report: columns, dtypes, meaning. A column is added here first.

Inside, a column is a NumPy int64 (or int8 code) array and ABSENT (-1) says that there is no such number; times are
nanoseconds since the epoch. The dtypes below are those of the public DataFrames, where absent is NA or NaT.
"""

from __future__ import annotations

from typing import Final, NamedTuple

ABSENT: Final = -1

# Categories, in their fixed order. An int8 column holds the index.
OUTCOMES: Final = (
    "established", "client-only", "refused", "unreachable", "unanswered", "half-open", "aborted", "invalid",
    "pending", "partial", "one-sided", "midstream", "stray",
)  # fmt: skip
# The connection did not open, or not for both sides. Of outcomes that are neither these nor established, the capture
# cannot tell.
FAILED: Final = ("client-only", "refused", "unreachable", "unanswered", "half-open", "aborted", "invalid")
SHAPES: Final = (
    "", "three-way", "simultaneous-open", "split", "fast-open", "self-connect", "old-duplicate", "half-open-discovery",
)  # fmt: skip
SIDES: Final = ("", "client", "server")
ACK_KINDS: Final = ("", "ack", "data", "fin")
CLOSES: Final = ("", "fin", "half-closed", "reset", "open")
RTT_STATUSES: Final = ("none", "exact", "interval")
FAST_OPENS: Final = ("", "request", "cookie")
MPTCPS: Final = ("", "capable", "join")
ECNS: Final = ("", "ecn", "accecn")
ZEEK_STATES: Final = (
    "", "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH",
)  # fmt: skip
SEVERITIES: Final = ("error", "warning", "note", "info")
# What a run keeps of the handshakes of a judged capture, each more than the one before it: none (findings about them
# are only counted), those that findings above info name (info is only counted), those that any finding names, those
# that have a cause too, all.
KEEPS: Final = ("totals", "shown", "findings", "causes", "everything")
# Connections of a capture that are kept track of in memory, unless it is said otherwise.
MAX_TRACKED: Final = 1 << 18
CERTAINTIES: Final = ("", "proved", "strong", "compatible")
CAUSE: Final = (
    "",
    "port-closed", "filtered-or-down", "syn-queue-full", "accept-queue-full", "accept-queue-full-reset",
    "defer-accept", "ack-lost", "syn-cookies", "syn-scan", "connect-scan", "stealth-scan", "syn-flood", "backscatter",
    "segment-injected", "isn-rewritten", "options-rewritten", "one-sided-capture", "capture-began-late",
    "mirror-duplicates", "clock-steps", "capture-dropped-frames", "port-reused", "timestamp-rejected",
    "old-duplicate-syn", "stale-connection", "icmp-unreachable", "synack-from-proxy", "server-slow", "fast-open",
    "ecn-blackhole", "client-gave-up", "retry-loop", "mtu-blackhole", "synack-lost",
)  # fmt: skip
# In the flow key a tenant's number is this index times 2^32 plus the number on the wire: the order is not to change.
TUNNELS: Final = (
    "", "ipip", "6in4", "4in6", "6in6", "gre", "nvgre", "erspan", "vxlan", "vxlan-gpe", "geneve", "gtp-u", "l2tp",
    "pptp", "teredo", "fou", "gue", "mpls", "pppoe", "etherip", "lisp", "capwap", "tzsp", "pbb", "trill", "fabricpath",
    "nsh", "srv6", "ayiya",
)  # fmt: skip


class Column(NamedTuple):
    """One public column: the dtype of its DataFrame column and what it says."""

    dtype: str
    meaning: str
    categories: tuple[str, ...] = ()
    holds: str = ""  # of dtype object: list[string], list[uint64], dict[string, uint64] or bytes


def _category(categories: tuple[str, ...], meaning: str) -> Column:
    return Column("category", meaning, categories)


def _list(of: str, meaning: str) -> Column:
    return Column("object", meaning, holds=f"list[{of}]")


def _rtt(name: str, span: str) -> dict[str, Column]:
    return {
        name: Column("timedelta64[ns]", f"{span}; NaT unless exact"),
        f"{name}_min": Column("timedelta64[ns]", f"the least that {span} can have been"),
        f"{name}_max": Column("timedelta64[ns]", f"the most that {span} can have been"),
    }


def _options(side: str) -> dict[str, Column]:
    return {
        f"{side}_mss": Column("UInt16", f"maximum segment size that the {side} offered"),
        f"{side}_wscale": Column("UInt8", f"window scale shift that the {side} offered"),
        f"{side}_sack_permitted": Column("boolean", f"the {side} offered selective acknowledgements"),
        f"{side}_timestamps": Column("boolean", f"the {side} offered timestamps"),
        f"{side}_fast_open": _category(FAST_OPENS, f"Fast Open option of the {side}"),
        f"{side}_mptcp": _category(MPTCPS, f"Multipath TCP option of the {side}"),
        f"{side}_ecn": _category(ECNS, f"ECN set-up of the {side}"),
    }


HANDSHAKES: Final[dict[str, Column]] = {
    "handshake_id": Column("uint64", "running number in order of first frame, over all captures of the run"),
    "capture": Column("category", "the input's name as given; of files that are one capture that of the first"),
    "client_ip": Column("string", "sender of the first SYN, or the side that the rest proves to be it"),
    "client_port": Column("uint16", ""),
    "server_ip": Column("string", "the other side"),
    "server_port": Column("uint16", ""),
    "outcome": _category(OUTCOMES, "what became of the attempt"),
    "shape": _category(SHAPES, "which of the legal exchanges it was"),
    "aborted_by": _category(SIDES, "who reset an aborted attempt"),
    "start_time": Column("datetime64[ns, UTC]", "time of the first frame of the attempt"),
    "syn_frame": Column("UInt64", "frame of the SYN that the verdict stands on, in syn_file"),
    "synack_frame": Column("UInt64", "frame of the SYN-ACK that the verdict stands on, in synack_file"),
    "ack_frame": Column("UInt64", "frame of the segment that completed it, in ack_file"),
    "syn_file": Column("category", "file that holds the SYN; NA where none was seen"),
    "synack_file": Column("category", "file that holds the SYN-ACK"),
    "ack_file": Column("category", "file that holds the segment that completed it"),
    "ack_kind": _category(ACK_KINDS, "what completed it"),
    "close": _category(CLOSES, "how the connection ended in this capture"),
    "closed_by": _category(SIDES, "who began the close"),
    "syn_count": Column("uint32", "SYNs sent, copies made by the capture not counted"),
    "synack_count": Column("uint32", "SYN-ACKs sent, copies made by the capture not counted"),
    "client_isn": Column("UInt32", "initial sequence number of the client"),
    "server_isn": Column("UInt32", "initial sequence number of the server"),
    "synack_ack": Column("UInt32", "what the SYN-ACK acknowledges"),
    "ack_seq": Column("UInt32", "sequence number of the completing segment"),
    "ack_ack": Column("UInt32", "what the completing segment acknowledges"),
    **_rtt("server_rtt", "SYN to SYN-ACK"),
    **_rtt("client_rtt", "SYN-ACK to ACK"),
    **_rtt("handshake_rtt", "SYN to ACK"),
    "rtt_status": _category(RTT_STATUSES, "the worst of the three"),
    **_options("client"),
    **_options("server"),
    "syn_ttl": Column("UInt8", "TTL or hop limit of the SYN"),
    "synack_ttl": Column("UInt8", "TTL or hop limit of the SYN-ACK"),
    "vlan": Column("UInt16", "VLAN id of the first frame"),
    "tunnel": _category(TUNNELS, "the innermost tunnel of the first frame; the VLAN is the outermost tag"),
    "history": Column("string", "Zeek's history letters, from the segments kept"),
    "completeness": Column("uint8", "Wireshark's tcp.completeness bits, from the segments kept"),
    "zeek_state": _category(ZEEK_STATES, "the conn_state that Zeek would give"),
    "community_id": Column("string", "Community ID, version 1"),
    "wireshark_filter": Column("string", "display filter that shows these frames"),
    "findings": _list("string", "rule ids"),
    "cause": _category(CAUSE, "the first diagnosis"),
    "certainty": _category(CERTAINTIES, "of the cause"),
}

# Columns of text that differ from row to row: they take longer to make than all the others together.
COSTLY: Final = ("history", "community_id", "wireshark_filter")

FINDINGS: Final[dict[str, Column]] = {
    "handshake_id": Column("UInt64", "NA where the finding is about the capture"),
    "capture": Column("category", "the input's name as given"),
    "rule": Column("string", "id of the rule"),
    "severity": _category(SEVERITIES, ""),
    "frames": _list("uint64", "frame numbers, each in its file, the one to open first"),
    "files": _list("string", "the files of these frames, one for each"),
    "expected": Column("string", "what the RFC asks for"),
    "actual": Column("string", "what the segment says"),
    "message": Column("string", "one line"),
}

CAUSES: Final[dict[str, Column]] = {
    "handshake_id": Column("uint64", "as in handshakes; the causes of one stand together, the first first"),
    "capture": Column("category", "the input's name as given"),
    "cause": _category(CAUSE, "what explains the handshake, or is true of it"),
    "certainty": _category(CERTAINTIES, "proved follows from the segments, compatible is one of several"),
    "application_error": Column("string", "what the application saw"),
    "evidence": _list("uint64", "frame numbers, each in its file"),
    "evidence_files": _list("string", "the files of these frames, one for each"),
    "rivals": _list("string", "other causes that may look the same"),
    "decide_by": Column("string", "the observation that would decide"),
    "detail": Column("string", "what was counted or compared"),
}

CAPTURES: Final[dict[str, Column]] = {
    "capture": Column("string", "the input's name as given"),
    "format": Column("string", "container and compression"),
    "link_types": _list("uint64", "LINKTYPE_ numbers"),
    "frames": Column("uint64", "frames read"),
    "octets": Column("uint64", "octets on the wire"),
    "first_time": Column("datetime64[ns, UTC]", "earliest time of any frame"),
    "last_time": Column("datetime64[ns, UTC]", "latest time of any frame"),
    "segments": Column("uint64", "TCP segments decoded"),
    "flows": Column("uint64", "4-tuples seen"),
    "skipped": Column("object", "reason to number of frames not judged", holds="dict[string, uint64]"),
    "faults": _list("string", "CAP rule ids found, began-late and ended-early"),
    "error": Column("string", "why it could not be read, or empty"),
    "files": _list("string", "the files that it came in, in the order of their frames; mostly one"),
}


def _quantiles(name: str, span: str) -> dict[str, Column]:
    return {
        f"{name}_count": Column("uint64", f"how often {span} was measured exactly"),
        **{
            f"{name}_p{percent}": Column("timedelta64[ns]", f"{span}: its quantile {percent} %, one that was measured")
            for percent in (50, 95, 99)
        },
    }


HOSTS: Final[dict[str, Column]] = {
    "ip": Column("string", "the address: client_ip or server_ip of handshakes"),
    "roles": _category(("client", "server", "both"), "what it was in this run"),
    "first_time": Column("datetime64[ns, UTC]", "start of its earliest handshake"),
    "last_time": Column("datetime64[ns, UTC]", "start of its latest handshake"),
    "as_client": Column("uint64", "handshakes that it began"),
    **{
        f"as_client_{outcome.replace('-', '_')}": Column("uint64", f"of these, how many are {outcome}")
        for outcome in OUTCOMES
    },
    "as_server": Column("uint64", "handshakes that others began with it"),
    **{
        f"as_server_{outcome.replace('-', '_')}": Column("uint64", f"of these, how many are {outcome}")
        for outcome in OUTCOMES
    },
    "peers": Column("uint64", "different addresses on the other side"),
    "server_ports": Column("uint64", "different ports of it that were asked for"),
    **_quantiles("server_rtt", "SYN to SYN-ACK, from the tap to it and back"),
    **_quantiles("client_rtt", "SYN-ACK to ACK, from the tap to it and back"),
    "ttls": _list("uint64", "different TTLs or hop limits of its SYNs and SYN-ACKs, sorted"),
    "offered_mss": _list("uint64", "different maximum segment sizes that it offered, sorted"),
}

SEGMENTS: Final[dict[str, Column]] = {
    "capture": Column("category", "the file's name as given"),
    "frame": Column("uint64", "as Wireshark's frame.number"),
    "time": Column("datetime64[ns, UTC]", "NaT where the capture gives none"),
    "src_ip": Column("string", ""),
    "src_port": Column("uint16", ""),
    "dst_ip": Column("string", ""),
    "dst_port": Column("uint16", ""),
    "seq": Column("uint32", "raw sequence number"),
    "ack": Column("uint32", "raw acknowledgement field"),
    "tcp_flags": Column("uint16", "twelve bits, FIN lowest"),
    "window": Column("UInt16", "unscaled; NA where the snaplen cut it off"),
    "payload_length": Column("uint32", "from the IP length"),
    "ttl": Column("uint8", "TTL or hop limit"),
    "ip_id": Column("UInt16", "NA for IPv6"),
    "options": Column("object", "the option octets", holds="bytes"),
}

TABLES: Final = {
    "handshakes": HANDSHAKES,
    "findings": FINDINGS,
    "causes": CAUSES,
    "captures": CAPTURES,
    "hosts": HOSTS,
    "segments": SEGMENTS,
}
