# %% [markdown]
# # Failures by cause
#
# "Three in ten attempts failed" is a number, not an answer. Who has to do something? pcapcheck names causes, says
# how certain each is, what else would look the same in this capture, and which observation would decide.

# %%
import pcapcheck

# %matplotlib inline

report = pcapcheck.check("../sample_captures")
handshakes = report.handshakes
print(report.summary().partition("\n\n")[0])

# %% [markdown]
# ## What became of the attempts

# %%
failures = ["client-only", "refused", "unreachable", "unanswered", "half-open", "aborted", "invalid"]
failed = handshakes[handshakes["outcome"].isin(failures)]
failed["outcome"].value_counts().loc[lambda counts: counts > 0].to_frame()

# %% [markdown]
# ## Why
#
# Each handshake may have several causes; the first explains it best. A cause is `proved` if it follows from the segments,
# `strong` if little doubt is left, `compatible` if other causes would look the same.

# %%
explained = failed[failed["cause"] != ""]
by_cause = explained.groupby(["cause", "certainty"], observed=True).size().unstack(fill_value=0)
by_cause

# %%
axes = by_cause.plot.barh(
    stacked=True, figsize=(7, 3.2), xlabel="failed handshakes", ylabel="",
    color={"proved": "#0072b2", "strong": "#56b4e9", "compatible": "#b0b0b0"},
)  # fmt: skip

# %% [markdown]
# A failure without a cause speaks for itself, as a wrong number does: nothing explains *why* a host reckons wrongly, and
# pcapcheck does not guess.
#
# Blue is for what may be said aloud. Grey needs another look: for each of those, the observation that would decide.

# %%
causes = report.causes
open_questions = causes[causes["certainty"] != "proved"].drop_duplicates("cause")
for cause, rivals, decide_by in open_questions[["cause", "rivals", "decide_by"]].itertuples(index=False):
    print(f"{cause}\n  looks like: {', '.join(rivals) or 'nothing else'}\n  decided by: {decide_by}\n")

# %% [markdown]
# ## A silent failure
#
# Nothing came back. The client's kernel tried again and again; the waits between the tries tell which kernel and how
# patient. Grey combs are the usual timers: 1, 2, 4 s, and Linux's newer ones.

# %%
report.plot.syn_retries().figure

# %% [markdown]
# Silence is the hardest to explain from one point. Its diagnosis says so:

# %%
print(pcapcheck.explain("filtered-or-down").partition("It finds this")[0])

# %% [markdown]
# ## A failure that only one side notices
#
# The client's ACK arrived, as far as this capture tells, and the server goes on as if it had not: it repeats its SYN-ACK,
# and acknowledges no data. The client believes that it is connected.

# %%
capture = "../sample_captures/client_only.pcap"
one_sided_truth = pcapcheck.check(capture)
one_sided_truth.plot.ladder(1).figure

# %%
one_sided_truth.causes[["cause", "certainty", "rivals", "detail", "decide_by"]].T

# %% [markdown]
# A full accept queue is *compatible* with it; so is an ACK that was lost behind the tap. The capture cannot tell, a counter
# at the server can. Write that into the ticket, rather than a guess.
