"""The exchanges that RFC 9293 draws, by name. All are legal; a finding only says which one it was."""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import ACK, RST
from pcapcheck.evidence import Event, Fact
from pcapcheck.openings import ICMP
from pcapcheck.rules.among import having, one_sided_or
from pcapcheck.rules.catalogue import Answer, Bools, about_capture, rule
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, SHAPES
from pcapcheck.traffic import Ints, Traffic


def _has_shape(traffic: Traffic, name: str) -> Bools:
    shape: Bools = traffic.handshakes.shape == SHAPES.index(name)
    return shape


def _both_seen(traffic: Traffic) -> Bools:
    both = Fact.CLIENT_SEEN | Fact.SERVER_SEEN
    seen: Bools = traffic.handshakes.facts & both == both
    return seen


def _frame(traffic: Traffic, condition: Bools) -> Ints:
    return traffic.value("frame", traffic.first(condition))


@rule(
    "ST06",
    "three-way-handshake",
    "info",
    reference="RFC 9293, section 3.5, figure 6",
    needs="both directions",
    message="{actual} handshake(s) in three segments",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < R. =0:0(0) ack 1 win 0
    """,
    per_capture=True,
)
def three_way_handshake(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """How many handshakes of the capture are the basic one of SYN, SYN-ACK and ACK.

    What it means: The usual exchange, with right numbers. It is counted once a capture and not found for each
    handshake; the column `shape` says it of each.

    Why it matters: It is what the other shapes are compared with.

    Common causes: A client and a server.

    What to look at next: Nothing.
    """
    (found,) = _has_shape(traffic, "three-way").nonzero()
    return about_capture(
        len(found) > 0,
        applies=len(traffic.handshakes) > 0,
        frames=traffic.handshakes.syn_frame[found[:1]].tolist(),
        actual=str(len(found)),
    )


@rule(
    "ST07",
    "simultaneous-open",
    "info",
    reference="RFC 9293, section 3.5, figure 7, MUST-10",
    needs="both directions",
    message="both sides sent a SYN: simultaneous open",
    among=one_sided_or(lambda traffic: _has_shape(traffic, "simultaneous-open")),
    fires="""
        +0   > S  0:0(0) win 64240
        +0   < S  0:0(0) win 65160
        +.02 > S. 0:0(0) ack 1 win 64240
        +0   < S. 0:0(0) ack 1 win 65160
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def simultaneous_open(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """Both sides sent a SYN before either saw the other's, and both SYNs were acknowledged.

    What it means: Legal: "A TCP implementation MUST support simultaneous open attempts". One connection comes of it.

    Why it matters: Tools that know only the basic handshake call its second SYN a retransmission, or count two
    connections.

    Common causes: NAT hole punching (ICE-TCP), routing protocols whose both ends connect.

    What to look at next: Nothing, unless the two ends are not supposed to connect to each other.
    """
    handshakes = traffic.handshakes
    return Answer(
        fails=_has_shape(traffic, "simultaneous-open"),
        applies=handshakes.facts & Fact.SYN != 0,
        decidable=~traffic.handshakes.is_outcome("one-sided"),
        frames=(_frame(traffic, traffic.is_event(Event.PEER_SYN)), handshakes.syn_frame),
        expected="three-way",
        actual="simultaneous-open",
    )


@rule(
    "ST07B",
    "split-handshake",
    "info",
    reference="RFC 9293, section 3.4.1",
    needs="both directions",
    message="the server sent its SYN apart from its ACK: split handshake",
    among=one_sided_or(lambda traffic: _has_shape(traffic, "split")),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < .  0:0(0) ack 1
        +0   < S  0:0(0) win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def split_handshake(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The server acknowledged the SYN and sent its own SYN in segments apart, or sent a SYN alone.

    What it means: The four steps of section 3.4.1 in four or five segments: "Because steps 2 and 3 can be combined in a
    single message this is called the three-way handshake", but they need not be.

    Why it matters: The one that should answer has become the one that asks. Firewalls and intrusion detection have been
    fooled about which side is the client.

    Common causes: A test tool or an attack on a firewall; a simultaneous open of which one SYN is missing.

    What to look at next: Whether this server does so to every client, and what the firewall on the path made of it.
    """
    handshakes = traffic.handshakes
    return Answer(
        fails=_has_shape(traffic, "split"),
        applies=handshakes.facts & Fact.SYN != 0,
        decidable=~traffic.handshakes.is_outcome("one-sided"),
        frames=(_frame(traffic, traffic.is_event(Event.PEER_SYN)), handshakes.syn_frame),
        expected="three-way",
        actual="split",
    )


@rule(
    "ST08",
    "old-duplicate-syn",
    "info",
    reference="RFC 9293, section 3.5, figure 8",
    needs="both directions",
    message="the first SYN-ACK acknowledges an old duplicate SYN: {actual}, not {expected}; the client reset it",
    among=one_sided_or(lambda traffic: traffic.handshakes.facts & Fact.OLD_DUPLICATE != 0),
    fires="""
        +0   > S  -10:-10(0) win 64240
        +.01 > S  0:0(0) win 64240
        +.01 < S. 0:0(0) ack -9 win 65160
        +0   > R  -9:-9(0) win 0
        +.02 < S. 100:100(0) ack 1 win 65160
        +0   > .  1:1(0) ack 101
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def old_duplicate_syn(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The server answered an old SYN of the same 4-tuple first, and the client reset that answer.

    What it means: The recovery that figure 8 draws: the client "detects that the ACK field is incorrect and returns a
    RST with its SEQ field selected to make the segment believable"; its real SYN is answered after that. It is one
    attempt.

    Why it matters: The RST is no refusal and the first SYN-ACK no fault of the server.

    Common causes: A SYN that was delayed on the way; a client that gave up and tried again on the same port.

    What to look at next: Where the old SYN was held up, if the connection opens late.
    """
    handshakes = traffic.handshakes
    old = traffic.first_event(Event.OLD_SYNACK)
    return Answer(
        fails=handshakes.facts & Fact.OLD_DUPLICATE != 0,
        applies=handshakes.facts & Fact.SYN != 0,
        decidable=~traffic.handshakes.is_outcome("one-sided"),
        frames=(
            traffic.value("frame", old),
            _frame(traffic, traffic.is_event(Event.RST_ANSWER) & traffic.from_client),
            handshakes.syn_frame,
        ),
        expected=np.where(handshakes.client_isn == ABSENT, ABSENT, seq.add(handshakes.client_isn, 1)),
        actual=traffic.value("ack", old),
    )


@rule(
    "ST09",
    "half-open-discovery",
    "info",
    reference="RFC 9293, section 3.5.1, figure 9; RFC 5961, section 4.2",
    needs="both directions",
    message="the server answered the SYN for an older connection: ACK {actual}, not {expected}; the client reset it",
    among=one_sided_or(having(Event.CHALLENGE)),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < .  900:900(0) ack -500
        +0   > R  -500:-500(0) win 0
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def half_open_discovery(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN met an older connection at the server; its ACK made the client reset that one.

    What it means: The server, "being in a synchronized state", answers the SYN by "an acknowledgment indicating what
    sequence it next expects to hear" (a challenge ACK). The client sees that this "does not acknowledge anything it
    sent" and resets the older connection. Its next SYN starts afresh.

    Why it matters: The new connection opens one SYN timeout late (Linux repeats at once). The RST is no refusal. The
    older connection had ended at one side only.

    Common causes: The client was restarted or lost its state; a firewall or NAT forgot an idle connection and its port
    came into use again.

    What to look at next: If the client's RST does not reach the server, a stateful firewall drops it, and the client
    keeps asking in vain.
    """
    handshakes = traffic.handshakes
    challenge = traffic.first_event(Event.CHALLENGE)
    number = traffic.value("ack", challenge)
    answers = traffic.is_event(Event.RST_ANSWER) & traffic.from_client
    reset = traffic.first(answers & (traffic.column("seq") == number[traffic.handshake]))
    return Answer(
        # To an old duplicate SYN (figure 8) the server may challenge the real one in the same way.
        fails=(challenge != ABSENT) & (reset > challenge) & (handshakes.facts & Fact.OLD_DUPLICATE == 0),
        applies=handshakes.facts & Fact.SYN != 0,
        decidable=~traffic.handshakes.is_outcome("one-sided"),
        frames=(traffic.value("frame", challenge), traffic.value("frame", reset), handshakes.syn_frame),
        expected=np.where(handshakes.client_isn == ABSENT, ABSENT, seq.add(handshakes.client_isn, 1)),
        actual=number,
    )


@rule(
    "ST10",
    "connection-unknown-to-peer",
    "info",
    reference="RFC 9293, section 3.5.1, figure 10; section 3.5.2, group 1",
    needs="both directions",
    message="a segment of an open connection was reset: ACK {expected}, RST with {actual}",
    among=lambda traffic: traffic.handshakes.facts & (Fact.SYN | Fact.SYNACK) == 0,
    fires="""
        +0   < P. 300:310(10) ack 100
        +0   > R  100:100(0) win 0
    """,
    silent="""
        +0   < P. 300:310(10) ack 100
        +0   > .  100:100(0) ack 310
    """,
)
def connection_unknown_to_peer(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A segment of a connection came to a host that knows no such connection, and was reset.

    What it means: "If the connection does not exist (CLOSED), then a reset is sent in response to any incoming segment
    except another reset", and it "takes its sequence number from the ACK field of the segment". The host that reset
    sent nothing else, so it had no connection to abort.

    Why it matters: The sender believed in a connection that the other side had lost.

    Common causes: The host was restarted; its address moved to another machine (failover, load balancer); an idle
    connection that a firewall forgot; an ACK scan.

    What to look at next: Whether many connections are reset at the same moment (a restart), and how long they were
    idle.
    """
    handshakes = traffic.handshakes
    opened = Fact.SYN | Fact.SYNACK
    segment = (traffic.column("kind") != ICMP) & (handshakes.facts & opened == 0)[traffic.handshake]
    is_rst = traffic.column("tcp_flags") & RST != 0
    sent = traffic.first(segment & ~is_rst & (traffic.column("tcp_flags") & ACK != 0))
    number = traffic.value("ack", sent)[traffic.handshake]
    from_peer = traffic.from_client != traffic.from_client[sent][traffic.handshake]
    reset = traffic.first(segment & is_rst & from_peer & (traffic.column("seq") == number))
    speaks = traffic.first(segment & ~is_rst & from_peer)
    return Answer(
        fails=(sent != ABSENT) & (reset > sent) & (speaks == ABSENT),
        applies=(handshakes.facts & opened == 0) & (sent != ABSENT),
        decidable=_both_seen(traffic),
        frames=(traffic.value("frame", reset), traffic.value("frame", sent)),
        expected=traffic.value("ack", sent),
        actual=traffic.value("seq", reset),
    )


@rule(
    "ST11",
    "unsolicited-synack-reset",
    "info",
    reference="RFC 9293, section 3.5.1, figure 11; section 3.10.7.2, second",
    needs="both directions",
    message="a SYN-ACK of {expected} that nobody had asked for was reset with {actual}",
    among=lambda traffic: traffic.handshakes.facts & (Fact.SYN | Fact.SYNACK) == Fact.SYNACK,
    fires="""
        +0   < S. 0:0(0) ack 1 win 65160
        +0   > R  1:1(0) win 0
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > R  1:1(0) win 0
    """,
)
def unsolicited_synack_reset(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A SYN-ACK came to a host that was not waiting for one, and the host reset it.

    What it means: "Any acknowledgment is bad if it arrives on a connection still in the LISTEN state", or on none at
    all; the RST has the number that the SYN-ACK acknowledged. The host did what it must.

    Why it matters: Many of these are backscatter: somebody uses this host's address in a SYN flood against the sender.

    Common causes: Forged SYNs; an old duplicate SYN that stirred a server into action (figure 11); a client that was
    restarted between its SYN and the answer.

    What to look at next: How many there are, from which servers, and whether the SYNs came by another path.
    """
    handshakes = traffic.handshakes
    facts = handshakes.facts
    synack = traffic.first_event(Event.SYNACK)
    reset = traffic.first(traffic.is_event(Event.ABORT) & traffic.from_client)
    return Answer(
        fails=(reset > synack) & (synack != ABSENT),
        applies=(facts & Fact.SYN == 0) & (facts & Fact.SYNACK != 0),
        decidable=_both_seen(traffic),
        frames=(traffic.value("frame", reset), handshakes.synack_frame),
        expected=handshakes.synack_ack,
        actual=traffic.value("seq", reset),
    )
