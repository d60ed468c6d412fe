# %% [markdown]
# # Which SYN was answered?
#
# Why does opening a TCP connection take three segments, and not two? The answer is in this capture. An old SYN, which the
# network had kept back, reaches the server before the one that the client means; the server cannot know, and answers the
# wrong one. We reckon by hand what both hosts must do, then see what they did.

# %%
import pcapcheck

# %matplotlib inline

capture = "../sample_captures/old_duplicate_syn.pcap"

# %% [markdown]
# ## What was sent
#
# Six segments matter. `tcp_flags` are bits: SYN is 2, RST is 4, ACK is 16.

# %%
segments = pcapcheck.read_pcap(capture).head(6)
names = {2: "SYN", 18: "SYN-ACK", 16: "ACK", 4: "RST"}
segments.assign(what=segments["tcp_flags"].map(names))[["frame", "time", "src_ip", "what", "seq", "ack"]]

# %% [markdown]
# ## Frame 1 and 2: two SYNs
#
# The same client, the same ports, two initial sequence numbers: 90 and 100. From the outside nobody can tell which is
# meant. The client can: it remembers one number. Call it x.

# %%
x = int(segments["seq"][1])
old = int(segments["seq"][0])
x, old

# %% [markdown]
# ## Frame 3: an answer
#
# A SYN takes one sequence number, so an answer to a SYN with number n acknowledges n + 1, modulo 2^32. Which of the two
# does the server answer?

# %%
acknowledged = int(segments["ack"][2])
{"the old SYN": (old + 1) % 2**32 == acknowledged, "the SYN that is meant": (x + 1) % 2**32 == acknowledged}

# %% [markdown]
# The old one. With a handshake of two segments this would be an open connection now: the server would count the client's
# octets from 91, while the client counts from 101, and would take its own word for it.
#
# ## Frame 4: what the third segment is for
#
# The client is in SYN-SENT, and RFC 9293 (section 3.10.7.3) tells it what to do with an acknowledgement of something that
# it never sent: answer with an RST that has just this number, and stay in SYN-SENT. The number is the point. The server
# takes an RST only if it fits (section 3.5.3), and 91 is what it waits for.

# %%
rst = int(segments["seq"][3])
{"the RST has the number that the server acknowledged": rst == acknowledged}

# %% [markdown]
# ## Frame 5 and 6: the right answer
#
# The server is back in LISTEN, gets the second SYN, and answers with an initial sequence number of its own, y. Three
# equations hold now, and each is a rule that pcapcheck checks on every attempt:

# %%
y = int(segments["seq"][4])
{
    "HS02: the SYN-ACK acknowledges x + 1": int(segments["ack"][4]) == (x + 1) % 2**32,
    "HS04: the ACK stands at x + 1": int(segments["seq"][5]) == (x + 1) % 2**32,
    "HS03: the ACK acknowledges y + 1": int(segments["ack"][5]) == (y + 1) % 2**32,
}

# %% [markdown]
# ## The whole of it
#
# The ladder, drawn: numbers in brackets count from the initial sequence number of their side.

# %%
report = pcapcheck.check(capture)
report.plot.ladder(1).figure

# %% [markdown]
# pcapcheck takes all of it for one attempt that was established, of the shape `old-duplicate`: legal (RFC 9293, figure 8),
# therefore named and not flagged.

# %%
report.handshakes[
    ["outcome", "shape", "client_isn", "server_isn", "syn_count", "synack_count", "server_rtt", "cause"]
].T

# %% [markdown]
# The round-trip time is that of the second SYN and its own SYN-ACK. A tool that takes "the first SYN and the first SYN-ACK"
# measures from one connection to the other.

# %%
first_to_first = segments["time"][2] - segments["time"][0]
{"first SYN to first SYN-ACK": first_to_first, "SYN to its own SYN-ACK": report.handshakes["server_rtt"][0]}

# %% [markdown]
# ## When the arithmetic does not hold
#
# The same three equations, and a server that gets one of them wrong. There is a SYN, a SYN-ACK and an answer, twice; whoever
# counts segments sees two exchanges. Whoever reckons sees none.

# %%
wrong = pcapcheck.check("../sample_captures/handshakes.pcap")
one = int(wrong.findings.set_index("rule").loc["HS02", "handshake_id"])
wrong.plot.ladder(one).figure

# %%
wrong.findings.set_index("rule").loc[["HS02"], ["frames", "expected", "actual", "message"]]

# %% [markdown]
# All the shapes that are legal, and what tells them apart, are in the [words](../docs/glossary.md#shapes); the story behind
# the three segments is in [the handshake and its arithmetic](../docs/explanation/arithmetic.md).
