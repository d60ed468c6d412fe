"""What of a URL is shown, what is a URL, and what is said where a package is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.capture.address import Address, address, redacted, scrubbed
from pcapcheck.policy.patterns import fits

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/2026-*/x?.pcap.gz", "s3://bucket/2026-*/x?.pcap.gz"),
        ("s3://bucket/a@b#1.pcap", "s3://bucket/a@b#1.pcap"),
        ("s3://bucket/x.pcap?versionId=3HL4.kq_t-", "s3://bucket/x.pcap?versionId=3HL4.kq_t-"),
        ("s3://bucket/x.pcap?X-Amz-Signature=12", "s3://bucket/x.pcap"),
        ("https://h.example:8443/x.pcap", "https://h.example:8443/x.pcap"),
        ("https://user:pass@h.example/x.pcap", "https://h.example/x.pcap"),
        ("https://token@h.example/x.pcap", "https://h.example/x.pcap"),
        ("https://user:p@ss:w@h.example:80/x.pcap", "https://h.example:80/x.pcap"),
        ("https://user:pa/ss@h.example/x.pcap", "https://h.example/x.pcap"),
        ("https://h.example/x.pcap?sig=1&se=2", "https://h.example/x.pcap"),
        ("https://h.example/x.pcap?token", "https://h.example/x.pcap"),
        ("https://h.example?token=1", "https://h.example"),
        ("https://h.example/x.pcap#access_token=1", "https://h.example/x.pcap"),
        ("HTTPS://user:pass@h.example/x.pcap", "HTTPS://h.example/x.pcap"),
        ("ftp://user:pass@h.example/x.pcap", "ftp://h.example/x.pcap"),
        ("sftp://user@h.example:22/a@b.pcap", "sftp://h.example:22/a@b.pcap"),
        ("abfs://captures@account.example/x.pcap", "abfs://captures@account.example/x.pcap"),
        ("abfs://captures:key@account.example/x.pcap", "abfs://account.example/x.pcap"),
        ("zip://x.pcap::https://u:p@h.example/a.zip?k=v", "zip://x.pcap::https://h.example/a.zip"),
        ("simplecache::s3://bucket/x.pcap", "simplecache::s3://bucket/x.pcap"),
    ],
)
def test_what_is_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown
    place = address(url)
    assert isinstance(place, Address)
    assert (str(place), place.url) == (shown, url)
    assert address(place) is place


@pytest.mark.parametrize(
    "path", ["x.pcap", "-", "", "C:\\x.pcap", "a://b", "://x", "captures/s3:/x", "./s3://x", "s3:x"]
)
def test_what_is_a_path(path: str) -> None:
    assert type(address(path)) is str


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#@:&=%[]<>\"'"), min_size=6)


@given(WORDS, WORDS, WORDS, st.booleans())
def test_nothing_secret_is_left(user: str, password: str, value: str, chained: bool) -> None:
    host = "h.example"
    url = f"https://{user}:{password}@{host}/x.pcap?key={value}"
    url = f"zip://a.pcap::{url}" if chained else url
    text = f"cannot open {url}, url='{url}': key {value} of ({user}, {password})"
    for shown in (redacted(url), scrubbed(text, url)):
        for secret in (user, password, value):
            assert secret not in shown.replace("cannot open", "").replace(f"{host}/x.pcap", "").replace("a.pcap", "")


@pytest.mark.parametrize(
    ("pattern", "good"),
    [("*.pcap", True), ("x.*", True), ("s3://bucket/**", True), ("s3://other/**", False), ("captures/*.pcap", False)],
)
def test_patterns_of_a_policy(pattern: str, good: bool) -> None:
    assert fits(address("s3://bucket/2026/x.pcap"), [pattern], "") is good


BRINGS = "pip install 'pcapcheck[remote]' brings those for s3:// and https://"


@pytest.mark.parametrize(
    ("missing", "url", "words"),
    [
        ("fsspec", "s3://bucket/x.pcap", "needs fsspec: pip install 'pcapcheck[remote]'"),
        ("s3fs", "s3://bucket/x.pcap", f"needs another package (Install s3fs to access S3): {BRINGS}"),
        (
            "aiohttp", "https://user:pass@h.example/x?k=v",
            f'needs another package (HTTPFileSystem requires "requests" and "aiohttp" to be installed): {BRINGS}',
        ),
        ("", "nonsense://x", "Protocol not known: nonsense"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("call", ["main(['check', url])", "main(['info', url])", "pcapcheck.read_pcap(url)"])
def test_what_is_missing_is_one_line_and_exit_2(missing: str, url: str, words: str, call: str) -> None:
    code = (
        f"import sys; sys.modules['{missing}'] = None; import pcapcheck; from pcapcheck.cli import main; url = '{url}'"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; sys.exit({call})"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    said = f"{redacted(url)}: {words}\n"
    if call.startswith("main"):
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"pcapcheck: {said}")
    else:
        assert done.stderr.endswith(f"\npcapcheck.errors.UsageError: {said}")


def test_a_local_capture_loads_nothing_of_it() -> None:
    code = (
        "import sys; from pcapcheck.cli import main; main(['check', '-q', 'sample_captures/vlan.pcap']);"
        "names = {'fsspec', 'asyncio', 'pcapcheck.capture.remote', 'pcapcheck.capture.listing'};"
        "sys.exit(', '.join(names & sys.modules.keys()) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
