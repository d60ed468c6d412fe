# %% [markdown]
# # A first look at a capture
#
# A capture of an office's connections: read, judged, looked at, plotted. It ships with pcapcheck; put the path of your own
# into the next cell.
#
# To run this: `pip install 'pcapcheck[notebook]'` and a Jupyter of your choice.

# %%
import pcapcheck
from pcapcheck import charts

# %matplotlib inline

capture = "../sample_captures/handshakes.pcap"

# %% [markdown]
# ## The segments
#
# `read_pcap` gives one row a TCP segment. Frame numbers are those of Wireshark, times are exact to the nanosecond, sequence
# numbers are as sent.

# %%
segments = pcapcheck.read_pcap(capture)
segments[["frame", "time", "src_ip", "dst_ip", "dst_port", "seq", "ack", "tcp_flags", "payload_length"]].head(8)

# %% [markdown]
# ## The verdict
#
# `check` finds every attempt to open a connection, says what became of it, and verifies every number.

# %%
report = pcapcheck.check(capture)
report

# %% [markdown]
# `report.handshakes` is a DataFrame with one row an attempt. These did not lead to a connection:

# %%
handshakes = report.handshakes
failed = handshakes[handshakes["outcome"] != "established"]
failed[["handshake_id", "start_time", "client_ip", "server_ip", "server_port", "outcome", "syn_count", "synack_count"]]

# %% [markdown]
# `report.findings` says which rule each of them breaks, with the number that RFC 9293 calls for beside the one that was
# sent. `pcapcheck.explain("HS02")` is the manual page of a rule.

# %%
report.findings[report.findings["severity"] == "error"][
    ["handshake_id", "rule", "frames", "expected", "actual", "message"]
]

# %% [markdown]
# ## One of them, segment by segment
#
# At the command line this is `pcapcheck show CAPTURE --handshake N`. The server acknowledges a number that the client never
# sent, so the client resets and tries again.

# %%
from pcapcheck.report.ladder import ladder

wrong = failed[failed["outcome"] == "invalid"]["handshake_id"].iloc[0]
print(ladder(report, int(wrong) - 1))

# %% [markdown]
# ## Round-trip times
#
# Only what was measured exactly is a number: where a SYN or a SYN-ACK was repeated, nobody can tell which copy was
# answered. Such a handshake has no `handshake_rtt` (`NaT`), but the interval in which it must lie.

# %%
handshakes.groupby("rtt_status", observed=True)[["handshake_rtt", "handshake_rtt_min", "handshake_rtt_max"]].median()

# %%
charts.rtt_figure(handshakes)

# %% [markdown]
# Each chart is a function that draws into the Axes of a figure of your own:

# %%
from matplotlib import pyplot as plt

with plt.style.context(charts.STYLE):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    charts.rtt_ecdf(handshakes, left, by="client", which="server_rtt")
    charts.rtt_box(handshakes, right, by="server", which="client_rtt")

# %% [markdown]
# `charts.save(charts.rtt_figure(handshakes), "rtt.svg")` writes a figure that is the same, byte for byte, whenever the
# capture is.
