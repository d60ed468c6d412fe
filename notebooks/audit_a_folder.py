# %% [markdown]
# # Auditing a folder, and keeping the result
#
# A folder of captures is judged once; what is found is kept as Parquet and asked in SQL, today and after the next audit.
#
# To run this: `pip install 'pcapcheck[notebook,parquet]' duckdb`.

# %%
import tempfile
from pathlib import Path

import duckdb

import pcapcheck

# %matplotlib inline

captures = "../sample_captures"
kept = Path(tempfile.mkdtemp()) / "audit"

# %% [markdown]
# ## Judge and keep
#
# `to_parquet` with a folder writes one file a table. On the command line: `pcapcheck check CAPTURES -o parquet:audit/`.

# %%
report = pcapcheck.check(captures)
report.to_parquet(f"{kept}/")
sorted(path.name for path in kept.iterdir())

# %%
report.captures[["capture", "format", "frames", "segments", "flows", "faults", "error"]].head(8)

# %% [markdown]
# The faults come first. What a missing direction or a short snaplen explains is not blamed on a host, so before a verdict
# counts for much, look at which captures have such faults:

# %%
report.captures[report.captures["faults"].str.len() > 0][["capture", "faults"]]

# %% [markdown]
# ## Ask
#
# From here on pcapcheck is not needed. Each table is a file, `handshake_id` and `capture` hold them together.

# %%
at = duckdb.connect()
for table in ("handshakes", "findings", "causes", "captures", "hosts"):
    at.sql(f"create view {table} as from '{kept}/{table}.parquet'")

at.sql("describe handshakes").df().head(12)[["column_name", "column_type"]]

# %% [markdown]
# Sequence numbers are unsigned integers, times have nanoseconds, round-trip times are whole nanoseconds by name
# (`server_rtt_ns`). Which servers fail, and how?

# %%
at.sql("""
    select server_ip || ':' || server_port as server,
           count(*) as attempts,
           count(*) filter (outcome = 'established') as established,
           string_agg(distinct outcome, ', ' order by outcome) filter (outcome != 'established') as otherwise,
           quantile_disc(server_rtt_ns, 0.95) / 1e6 as p95_ms
    from handshakes
    group by server having attempts > established
    order by attempts - established desc, server
""").df()

# %% [markdown]
# What breaks a rule, where to look in Wireshark:

# %%
at.sql("""
    select f.rule, f.severity, f.message, f.capture, f.frames[1] as frame, h.wireshark_filter
    from findings f join handshakes h using (handshake_id)
    where f.severity = 'error'
    order by f.capture, frame
""").df()

# %% [markdown]
# Why, and what would decide where it is not proved:

# %%
at.sql("""
    select cause, certainty, count(*) as handshakes, any_value(decide_by) as decide_by
    from causes group by cause, certainty order by handshakes desc, cause
""").df()

# %% [markdown]
# ## A picture of the audit
#
# The DataFrames are still there, of course, and so are the charts:

# %%
report.plot.rtt_box().figure

# %%
failed = report.handshakes["outcome"].value_counts()
axes = failed[failed > 0].sort_values().plot.barh(figsize=(7, 3.2), xlabel="handshakes", ylabel="")

# %% [markdown]
# ## The next audit
#
# Write it to a folder of its own (`audit/2026-02-01/`) and let DuckDB read all of them (`from 'audit/*/handshakes.parquet'`):
# a column `filename` comes with `read_parquet(..., filename = true)`. `community_id` finds the same flow in both.
