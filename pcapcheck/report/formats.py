"""The formats that a report can be written in. Nothing is imported here: a writer that is not asked for costs nothing.

A format is added by one line. The command line, the policy file and the documentation find it by themselves.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Format(NamedTuple):
    """One format: ``function`` of ``module`` writes a Report to a file that is open for text.

    That of a format of ``rows`` begins such a file and gives what writes a Report to it, so that the captures of a run
    can be written one after the other, none of them being kept. ``keep`` says what it needs of the handshakes, as one
    of tables.KEEPS: what no output needs is not kept.
    """

    module: str
    function: str
    meaning: str
    keep: str
    takes_terms: bool = False  # as its third argument: what the run was asked for is said too
    rows: bool = False


FORMATS: Final[dict[str, Format]] = {
    "text": Format("text", "write_text", "lines for people, then a summary", "shown"),
    "jsonl": Format("jsonl", "jsonl_rows", "JSON lines: an object a handshake", "everything", rows=True),
    "csv": Format("tabular", "csv_rows", "a row a handshake", "everything", rows=True),
    "json": Format(
        "json_document", "write_json", "one document: run, captures, findings, causes", "causes", takes_terms=True),
    "markdown": Format("markdown", "write_markdown", "the report for people, as Markdown", "findings"),
    "sarif": Format("sarif", "write_sarif", "SARIF 2.1.0, for code scanning", "shown", takes_terms=True),
    "junit": Format(
        "junit", "write_junit", "JUnit XML: a test case for each capture and rule", "shown", takes_terms=True),
    "github": Format("github", "write_github", "annotations of a GitHub workflow", "shown", takes_terms=True),
    "gitlab": Format("gitlab", "write_gitlab", "GitLab Code Quality", "shown", takes_terms=True),
}  # fmt: skip

# Written to a file or a folder, never to standard output: report.output knows how.
# And what they need to be kept. A dataset is written where each capture is judged.
FILES_ONLY: Final = {"parquet": "everything", "dataset": "totals", "github-summary": "findings"}
# Formats whose file the environment names where the option does not.
FILE_VARIABLES: Final = {"github-summary": "GITHUB_STEP_SUMMARY"}
