"""A bucket on loopback that speaks as much of the S3 protocol as exports use, with faults on demand."""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiohttp import web

BUCKET, REGION = "traces-elsewhere", "eu-test-1"
ACCESS_KEY, SECRET_KEY = "AKIATESTTESTTESTTEST", "dGVzdC1vbmx5LXNlY3JldC1vZi1hLWJ1Y2tldA"
_CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w{64})"
)


@dataclass
class Bucket:
    """Objects by key, and what was asked for; ``fails`` is the status of every answer while it is set."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    modified: dict[str, datetime] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    largest_body: int = 0
    fails: int = 0

    def settings(self) -> dict[str, str]:
        """Return the settings of a service that keeps its exports here."""
        return {
            "export_s3_bucket": BUCKET,
            "aws_endpoint_url": self.url,
            "aws_region": REGION,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
        }

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        body = await request.content.read()
        self.largest_body = max(self.largest_body, len(body))
        path = unquote(request.rel_url.raw_path)
        self.asked.append(f"{request.method} {path}?{request.rel_url.raw_query_string}")
        if self.fails:
            return web.Response(status=self.fails, text="<Error><Code>Faulty</Code></Error>")
        if not _is_signed(request, body):
            return web.Response(status=403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>")
        _, bucket, *rest = path.split("/", 2)
        if bucket != BUCKET:
            return web.Response(status=404, text="<Error><Code>NoSuchBucket</Code></Error>")
        key = rest[0] if rest else ""
        if not key:
            return self._delete_many(body) if request.method == "POST" else self._list(request.query.get("prefix", ""))
        return self._object(request, key, body)

    def _object(self, request: web.BaseRequest, key: str, body: bytes) -> web.StreamResponse:
        query = request.query
        if request.method == "POST" and "uploads" in query:
            upload = f"upload-{len(self.uploads)}"
            self.uploads[upload] = {}
            return _xml(f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>")
        if request.method == "PUT" and "partNumber" in query:
            self.uploads[query["uploadId"]][int(query["partNumber"])] = body
            return web.Response(headers={"ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'})
        if request.method == "POST":
            parts = self.uploads.pop(query["uploadId"])
            self.put(key, b"".join(parts[number] for number in sorted(parts)))
            return _xml('<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>')
        if request.method == "PUT":
            self.put(key, body)
            return web.Response(headers={"ETag": '"whole"'})
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        found = self.objects.get(key)
        if found is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        headers = {"ETag": '"whole"', "Last-Modified": self.modified[key].strftime("%a, %d %b %Y %H:%M:%S GMT")}
        wanted = request.headers.get("Range")
        if wanted is None:
            return web.Response(body=found, headers=headers)
        first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        headers["Content-Range"] = f"bytes {first}-{min(last, len(found) - 1)}/{len(found)}"
        return web.Response(status=206, body=found[first : last + 1], headers=headers)

    def put(self, key: str, content: bytes) -> None:
        """Keep an object as of now."""
        self.objects[key] = content
        self.modified[key] = datetime.now(UTC)

    def _list(self, prefix: str) -> web.Response:
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size><ETag>whole</ETag>"
            f"<LastModified>{self.modified[key]:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for key, content in sorted(self.objects.items())
            if key.startswith(prefix)
        )
        return _xml(f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>")

    def _delete_many(self, body: bytes) -> web.Response:
        keys = [element.text or "" for element in ElementTree.fromstring(body).iter() if element.tag.endswith("Key")]
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return _xml(f"<DeleteResult>{deleted}</DeleteResult>")


@asynccontextmanager
async def serving_bucket() -> AsyncIterator[Bucket]:
    """Serve an empty bucket on a free port."""
    bucket = Bucket()
    runner = web.ServerRunner(web.Server(bucket.answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    bucket.url = f"http://{host}:{port}"
    try:
        yield bucket
    finally:
        await runner.cleanup()


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0" encoding="UTF-8"?>{text}', content_type="application/xml")


def _is_signed(request: web.BaseRequest, body: bytes) -> bool:
    """Return whether the request was signed with the secret key (AWS Signature Version 4)."""
    found = _CREDENTIAL.match(request.headers.get("Authorization", ""))
    if found is None or (found[1], found[3]) != (ACCESS_KEY, REGION):
        return False
    digest = request.headers["x-amz-content-sha256"]
    if digest not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
        return False
    names = found[4].split(";")
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(request.query.items())
    )
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
    canonical = "\n".join((request.method, request.rel_url.raw_path, query, headers, found[4], digest))
    scope = f"{found[2]}/{REGION}/s3/aws4_request"
    signed = "\n".join(
        ("AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest())
    )
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (found[2], REGION, "s3", "aws4_request", signed):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(key.hex(), found[5])
