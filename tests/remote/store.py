"""An S3 server on loopback: moto's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
from moto.server import ThreadedMotoServer

BUCKET: Final = "captures"
KEY: Final = "AKIDEXAMPLE"
SECRET: Final = "wJalrXUtnFEMI+K7MDENG+bPxRfiCYEXAMPLEKEY"


class Store:
    """A server with one bucket."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port, self.url = host, port, f"http://{host}:{port}"
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket=BUCKET)

    def put(self, key: str, octets: bytes) -> str:
        """The URL of a new object."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=octets)
        return f"s3://{BUCKET}/{key}"

    def empty(self) -> None:
        for about in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            self.client.delete_object(Bucket=BUCKET, Key=about["Key"])

    def environment(self) -> dict[str, str]:
        """By these the ordinary libraries find the server and their credentials."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def s3_server() -> Iterator[Store]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield Store(*server.get_host_and_port())
    finally:
        server.stop()
