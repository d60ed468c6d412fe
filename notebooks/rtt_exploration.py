# %% [markdown]
# # Round-trip times over several captures
#
# Every handshake measures its path for free: from SYN to SYN-ACK the part between the tap and the server, from SYN-ACK to
# ACK the part between the tap and the client. Here we look at all the shipped captures together, and ask four things:
# which span to look at, how good the measurements are, which server is slow, and what an average would have hidden.

# %%
import pandas as pd

import pcapcheck
from pcapcheck import charts

# %matplotlib inline

report = pcapcheck.check("../sample_captures")
handshakes = report.frame("handshakes", exclude=pcapcheck.COSTLY)
handshakes[["capture", "server_ip", "server_port", "outcome", "server_rtt", "client_rtt", "rtt_status"]].head()

# %% [markdown]
# ## Where was the tap?
#
# Each point is a handshake, its two spans against each other. Far below the diagonal the tap stood beside the client: the
# way to the client takes microseconds, the way to the server is the whole path. Captures from both ends of a connection lie
# on both sides of the diagonal.

# %%
report.plot.vantage(by="capture").figure

# %% [markdown]
# So for most of these captures `server_rtt` is the path, and `client_rtt` only says how fast the client's own kernel is. If
# you do not know where a capture was made, `handshake_rtt`, their sum, is the same wherever the tap is.
#
# ## How good are the measurements?
#
# A span is exact only if the segment that it begins with was sent once. A repeated SYN leaves open which copy was answered
# (Karn's ambiguity): the span is an interval then, and the exact column has no value. So it is where the client's first
# segment answers more than the SYN-ACK, and may have waited for it.

# %%
handshakes["rtt_status"].value_counts()

# %%
ambiguous = handshakes[handshakes["rtt_status"] == "interval"]
ambiguous[["capture", "syn_count", "synack_count", "handshake_rtt", "handshake_rtt_min", "handshake_rtt_max"]]

# %% [markdown]
# Tools that print one number for these have taken the first copy or the last. A mean over such numbers has the
# retransmission timeout in it, and says "the network takes a second" where it takes thirty milliseconds.
#
# ## Which server is slow?
#
# The distributions, not the means. The axis is logarithmic, since round-trip times of one network differ by powers of ten;
# p50, p95 and p99 are times that were measured.

# %%
charts.rtt_figure(handshakes, by="server")


# %%
def milliseconds(spans: pd.Series) -> pd.Series:
    """As floats, for reading only: the columns themselves stay whole nanoseconds."""
    return spans.dt.total_seconds() * 1000


by_server = (
    handshakes.assign(ms=milliseconds(handshakes["server_rtt"]))
    .groupby(["server_ip", "server_port"])["ms"]
    .describe(percentiles=[0.5, 0.95])
)
by_server[by_server["count"] > 0].sort_values("50%", ascending=False).round(3)

# %% [markdown]
# The same is in the `hosts` table, with the counts of what became of the attempts beside it. They belong together:

# %%
hosts = report.hosts
servers = hosts[hosts["as_server"] > 0]
servers[["ip", "as_server", "as_server_established", "as_server_unanswered", "server_rtt_count", "server_rtt_p50"]]

# %% [markdown]
# ## What the quantiles do not show
#
# A server that answers half of its SYNs quickly and the other half never has a splendid median: the unanswered ones have no
# round-trip time and are in no quantile. In this chart they are: an attempt that was not answered counts as "not yet" until
# the client gave up (Kaplan and Meier's estimate). A line that does not reach the top is a server that does not always
# answer.

# %%
report.plot.answers().figure

# %% [markdown]
# ## Over time
#
# One capture by itself: each point an attempt, failures in the rug at the top.

# %%
one = pcapcheck.check("../sample_captures/handshakes.pcap")
one.plot.rtt_over_time().figure
