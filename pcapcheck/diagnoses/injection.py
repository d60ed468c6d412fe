"""Segments that somebody sent in another's name."""

from __future__ import annotations

import numpy as np

from pcapcheck.diagnoses.catalogue import COMPATIBLE, PROVED, STRONG, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import Details, synack_window
from pcapcheck.diagnoses.forged_resets import MUCH, SOME, forged_resets
from pcapcheck.rules.asking import ask
from pcapcheck.rules.catalogue import REGISTERED
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic


@diagnosis(
    "D14",
    "segment-injected",
    application="ECONNRESET or ECONNREFUSED",
    rivals=("port-closed", "accept-queue-full-reset", "synack-from-proxy"),
    decide_by="capture at the host in whose name the segment was sent: it is not there if somebody else sent it",
    fires="""
        # Somebody nearer refuses in the server's name; the server answers too.
        +0   > S  0:0(0) win 64240
        +.02 < R. =0:0(0) ack 1 win 64240 ttl 200
        +.1  < S. 0:0(0) ack 1 win 65160 ttl 63
        +0   > R  1:1(0) win 0
    """,
    silent="""
        # The route changed by one hop, and the host itself resets.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160 ttl 63
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
        +.02 < R  1:1(0) win 0 ttl 62
    """,
)
def segment_injected(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """An RST (or a second SYN-ACK) was sent by somebody else than the host whose address it carries.

    What it means: Signs speak for it and are weighed. TTL more than two hops from that of the sender's other segments:
    3 (of its segments in other connections only: 2). The sender goes on as if nothing had been (RS08): 3. It came in
    less than half the time of the server's fastest answer: 2. IP id of the other side's segments: 2. Window of the
    other side, timestamps missing, RSTs with several numbers: 1 each. With 3 it is compatible, with 5 strong. Proved is
    only an RST whose sender goes on and whose TTL is another. A second SYN-ACK of another host (HS09) is compatible,
    unless the first is that of a SYN proxy.

    What else it could be: A firewall or load balancer that acts for the server with its owner's consent. A host that
    sends RSTs with another TTL than the rest. A new route in between.

    How to decide: Capture at the host in whose name the segment came. Its absence there is the proof.

    What the application saw: ECONNREFUSED while connecting, ECONNRESET later; nothing where the host ignored it.
    """
    handshakes, size = traffic.handshakes, len(traffic.handshakes)
    resets, second = forged_resets(traffic, capture), ask(REGISTERED["HS09"], traffic, capture)
    if not len(resets.frame) and not len(second.failed):
        return Conclusion.nothing(size)
    weight, proved = resets.weight, resets.proved
    # The one of each handshake that most speaks against; of equals the first.
    order = np.lexsort((-np.arange(len(weight)), weight, proved))
    best = np.full(size, ABSENT, np.int64)
    best[resets.handshake[order]] = order
    certainty = np.zeros(size, np.int64)
    (found,) = (best != ABSENT).nonzero()
    chosen = best[found]
    certainty[found] = np.select(
        [proved[chosen], weight[chosen] >= MUCH, weight[chosen] >= SOME], [PROVED, STRONG, COMPATIBLE], 0
    )
    frame = np.full(size, ABSENT, np.int64)
    frame[found] = resets.frame[chosen]
    others: dict[int, int] = {}  # handshake to the entry about its second SYN-ACK
    proxy = synack_window(traffic) == 0 if len(second.failed) else ()
    for entry, index in zip(second.failed.tolist(), second.handshakes(second.failed).tolist(), strict=True):
        if not certainty[index] and not proxy[index]:
            certainty[index], frame[index] = COMPATIBLE, second.answer.frames[0][entry]
            others[index] = entry

    def text(index: int) -> str:
        if index in others:
            answer, entry = second.answer, others[index]
            return f"a second SYN-ACK with {answer.actual[entry]}, the first had {answer.expected[entry]}"
        return resets.says(int(best[index]))

    return Conclusion(
        certainty,
        evidence=(np.where(certainty > 0, frame, ABSENT), np.where(certainty > 0, handshakes.first_frame, ABSENT)),
        detail=Details(size, text),
    )
