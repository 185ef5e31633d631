"""Compressed payloads in which ids can be replaced without compressing them again.

A frame of Zstandard is a sequence of blocks, compressed or raw (RFC 8878, section 3.1.1). Everything up to the last
place that changes is put into a raw block, and the rest is compressed against it, so that later blocks refer to it by
distance only and never repeat what it says.
"""

import hashlib
from collections.abc import Sequence
from itertools import pairwise, product

import zstandard

_MAGIC = b"\x28\xb5\x2f\xfd"
# No content size, checksum or dictionary; a window of 8 MiB, as much as every decoder must accept.
_HEADER = _MAGIC + b"\x00" + bytes([13 << 3])
_BLOCK_LIMIT = 1 << 17
_LEVELS = (1, 3, 9, 19)
# The end of a block is never a reference, so a mark there needs the blocks to be cut elsewhere.
_CUTS = (120_000, 117_000, 113_000, 109_000)


def patchable(frame: bytes, marks: Sequence[bytes]) -> list[bytes]:
    """Return the compressed frame in pieces, between which whatever stands for the marks is to be put.

    Args:
        frame: What to compress.
        marks: Texts of the frame, in the order of their first occurrence, each to be replaced by one of equal length.
            Later occurrences of a mark follow its first one.

    Raises:
        ValueError: A mark is not in the frame, or stands too far behind.
    """
    places = [0]
    for mark in marks:
        places += [(start := frame.index(mark, places[-1])), start + len(mark)]
    raw, rest = frame[: places[-1]], frame[places[-1] :]
    if len(raw) >= _BLOCK_LIMIT:
        raise ValueError("a mark stands too far behind")
    others = [bytes(byte ^ 0x01 for byte in mark) for mark in marks]
    changed = frame
    for mark, other in zip(marks, others, strict=True):
        changed = changed.replace(mark, other)
    # What does not come again must not be referred to by chance, as digits in it may be.
    history = raw
    for mark in marks:
        if mark not in rest:
            history = history.replace(mark, hashlib.shake_128(mark).digest(len(mark)))
    block = (len(raw) << 3).to_bytes(3, "little")
    for level, cut in product(_LEVELS, _CUTS):
        tail = _compress(rest, history, level, cut)
        pieces = [*[raw[start:end] for start, end in pairwise(places)][::2], b""]
        pieces[0] = _HEADER + block + pieces[0]
        pieces[-1] = tail
        # Whether every later occurrence became a reference can only be seen by trying.
        if _read(pieces, others) == changed and _read(pieces, marks) == frame:
            return pieces
    raise ValueError("a later occurrence of a mark was compressed by itself")


def _compress(rest: bytes, history: bytes, level: int, cut: int) -> bytes:
    """Return the blocks of ``rest`` as they stand behind ``history``."""
    dictionary = zstandard.ZstdCompressionDict(history, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    compressor = zstandard.ZstdCompressor(
        level=level, dict_data=dictionary, write_content_size=False, write_checksum=False, write_dict_id=False
    )
    data = compressor.compressobj()
    blocks = bytearray()
    for start in range(0, len(rest), cut):
        blocks += data.compress(rest[start : start + cut])
        blocks += data.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    blocks += data.flush()
    # Frame header: magic number, descriptor, window.
    return bytes(blocks[6:])


def _read(pieces: Sequence[bytes], values: Sequence[bytes]) -> bytes | None:
    body = pieces[0] + b"".join(value + piece for value, piece in zip(values, pieces[1:], strict=True))
    try:
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    except zstandard.ZstdError:
        return None
