"""Expectations: what a policy asks of the handshakes of a capture, as ``p95(server_rtt) < "80ms"``.

A small language of its own: read by a parser (parser.py) into a tree (tree.py), asked of columns (evaluate.py). Nothing
in it runs code, and there is no text that it neither understands nor refuses with a column. `docs/expectations.md` is
its grammar. Nothing is imported here: who asks nothing pays nothing.
"""
