"""Inputs for `fuzz.py`: valid files of every format, and what is done to them. All of it follows from a seed."""

import base64
import copy
import gzip
import hashlib
import io
import json
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable

import numpy as np

Mutation = Callable[[random.Random, bytes], bytes]

TOKENS = [
    *(b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3", b"\r", b"\r\n", b"\n", b"\n\n", b"\t"),
    *(
        b'"',
        b'""',
        b"'",
        b",",
        b";",
        b"\\",
        b"\x1b[2J",
        b"\x85",
        b"\xe2\x80\xa8",
        b" ",
        b"-DOCSTART-",
        b"%s%n",
        b"# ",
        b"\n# id 3 x\n",
        b"\r\r",
    ),
    *(b"[", b"{", b'{"text":', b"]", b"}", b":", b"null", b"true", b"NaN", b"Infinity", b"-1", b"1e999", b"0" * 400),
    *(b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b"a" * 70_000, b"," * 20_000, b"\\ud800", b"../../", b"/etc/passwd"),
]
WHOLE = (0, 1, -1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, -(2**63), 10**400)
VALUES = [
    *(None, True, False, *WHOLE, 0.5, 1e308, float("nan"), float("inf"), "", "\x00", "\ud800", "a" * 5000),
    *("../../x", "/etc/passwd", "sentiment", "ner", "music", "text", [], {}, [[]], [None] * 50, {"a": {"b": []}}),
    *({"class_name": "Lambda", "config": {}}, {"class_name": "system", "module": "os", "config": ""}, {"__array__": 0}),
]
DEEP = "[" * 100_000


def mutated(rng: random.Random, content: bytes) -> bytes:
    """Up to four random changes of bytes."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data) + 1)
        end = min(len(data), place + int(2 ** rng.uniform(0, 8)))
        change = rng.randrange(8)
        if change == 0 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        elif change == 1:
            data[place:end] = rng.randbytes(end - place)
        elif change == 2:
            del data[place:end]
        elif change == 3:
            data[place:place] = data[place:end] * rng.choice([1, 2, 50])
        elif change == 4:
            del data[place:]
        elif change == 5:
            data[place : place + 4] = struct.pack(rng.choice("<>") + "I", rng.choice([0, 1, 2**31, 2**32 - 1, 65536]))
        else:
            data[place:place] = rng.choice(TOKENS)
    return bytes(data)


def retyped(rng: random.Random, content: bytes) -> bytes:
    """JSON with some values replaced by those of other types, fields removed, or new ones; sometimes only bytes."""
    if rng.random() < 0.2:
        return mutated(rng, content)
    tree = json.loads(content)
    for _ in range(rng.randint(1, 3)):
        inner = _containers(tree)
        place = rng.choice(inner) if inner else None
        if place is None or rng.random() < 0.02:
            tree = copy.deepcopy(rng.choice(VALUES))
        elif isinstance(place, dict):
            name = rng.choice([*place, "new"])
            place[name] = _value(rng, place.get(name))
            if rng.random() < 0.2:
                del place[name]
        elif place:
            place[rng.randrange(len(place))] = _value(rng, place[0])
    text = json.dumps(tree)
    return (text.replace('"\\u0000"', DEEP) if rng.random() < 0.1 else text).encode()


def _value(rng, before):
    if isinstance(before, list) and before and rng.random() < 0.3:
        return before * 2 if rng.random() < 0.5 else before[:-1]
    return copy.deepcopy(rng.choice(VALUES))


def _containers(tree) -> list:
    found, left = [], [tree]
    while left:
        here = left.pop()
        if isinstance(here, dict | list):
            found.append(here)
            left.extend(here.values() if isinstance(here, dict) else here)
    return found


def rows_retyped(rng: random.Random, content: bytes) -> bytes:
    """JSON lines, one of them retyped."""
    lines = content.splitlines()
    place = rng.randrange(len(lines))
    lines[place] = retyped(rng, lines[place])
    return b"\n".join(lines)


def packed(inner: Mutation) -> Mutation:
    """Changes before and after gzip."""

    def change(rng, content):
        if rng.random() < 0.5:
            return mutated(rng, gzip.compress(content, 1))
        bomb = inner(rng, content) if rng.random() < 0.98 else content + rng.choice([b"\n", b"a\n", b"a"]) * 30_000_000
        return gzip.compress(bomb, 1)

    return change


def archive(rng: random.Random, content: bytes) -> bytes:
    """A packed tar archive of reviews, and members of odd names, types and sizes; sometimes with changed bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1, format=rng.choice([1, 2])) as tar:
        for number, part in enumerate(["train"] * 8 + ["test"]):
            member = tarfile.TarInfo(f"aclImdb/{part}/pos/{number}_8.txt")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for number in range(rng.randint(0, 4)):
            member = tarfile.TarInfo(rng.choice(NAMES).format(number))
            member.type = rng.choice([b"0", b"0", b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"Z", b"S"])
            member.linkname = rng.choice(["", "/etc/passwd", "../../x", member.name])
            member.size = rng.choice([0, len(content), len(content), 5, 10**6 + 1])
            tar.addfile(member, io.BytesIO(content + bytes(max(0, member.size - len(content)))))
    data = out.getvalue()
    if rng.random() < 0.3:
        return mutated(rng, data)
    if rng.random() < 0.5:
        return gzip.compress(_same_sums(mutated(rng, gzip.decompress(data))), 1)
    return data


NAMES = [
    *("aclImdb/train/pos/{}_7.txt", "aclImdb/test/neg/{}_1.txt", "../../{}_1.txt", "/tmp/{}.txt", "a" * 90 + "{}"),
    *("aclImdb/train/pos/../../../{}_1.txt", "aclImdb/test/pos/{}_9.txt", "aclImdb/train/neg/{}_2.txt", "\udcff{}"),
]


def _same_sums(data: bytes) -> bytes:
    """Blocks that look like headers get the right checksum again, so that changes in them are read."""
    blocks = [bytearray(data[place : place + 512]) for place in range(0, len(data), 512)]
    for block in blocks:
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(map(bytes, blocks))


def midi(rng: random.Random, content: bytes) -> bytes:
    """Random events in one or several tracks, or changed bytes."""
    if rng.random() < 0.5:
        return mutated(rng, content)
    tracks = [b"".join(_event(rng) for _ in range(rng.randint(0, 60))) for _ in range(rng.randint(0, 3))]
    beats = rng.choice([0, 1, 96, 96, 96, 480, 480, 480, 32767, 32768, 65535])
    head = b"MThd" + struct.pack(
        ">IHHH", 6, rng.choice([0, 1, 1, 1, 1, 2, 7]), rng.choice([len(tracks)] * 5 + [65535]), beats
    )
    return head + b"".join(b"MTrk" + struct.pack(">I", rng.choice([len(t)] * 20 + [0, 2**32 - 1])) + t for t in tracks)


def _event(rng) -> bytes:
    wait = rng.choice([b"\x00", b"\x60"] * 200 + [b"\x83\x60", b"\xff\xff\xff\x7f", b"\x81" * 9 + b"\x00"])
    status = rng.choice([0x80, 0x90, 0x90, 0x99, 0xA0, 0xB0, 0xC0, 0xE0, 0xF0, 0xF7, 0xFF])
    if status == 0xFF:
        kind, size = rng.choice([0x00, 0x03, 0x2F, 0x51, 0x54, 0x58, 0x59, 0x7F]), rng.randrange(7)
        return wait + bytes([status, kind, size]) + rng.randbytes(size)
    data = rng.choices(range(128 if rng.random() < 0.95 else 256), k=1 if status == 0xC0 else 2)
    if status >= 0xF0 and rng.random() < 0.9:
        data[0] = 1  # the length of what follows
    return wait + bytes([status | rng.choice([0, 0, 9]) if status < 0xF0 else status, *data])


def save(rng: random.Random, content: bytes) -> bytes:
    """A save of `Resume` with changes behind a right checksum, as somebody would make it who wants it to be read."""
    head, _, inner = content.partition(b"\n")
    inner = inner.partition(b"\n")[2]
    inner = mutated(rng, inner) if rng.random() < 0.5 else member(rng, inner)
    return head + b"\n" + hashlib.sha256(inner).hexdigest().encode() + b"\n" + inner


def member(rng: random.Random, content: bytes) -> bytes:
    """A zip archive with one member changed, as JSON where it is JSON, or with its bytes changed as a whole."""
    if rng.random() < 0.2:
        return mutated(rng, content)
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        members = {name: old.read(name) for name in old.namelist()}
    chosen = rng.choice(list(members))
    members[chosen] = _member(rng, members[chosen])
    if rng.random() < 0.1:
        members[rng.choice(["../../x", "/tmp/x", "assets/../../x", "a" * 300])] = b"x"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as new:
        for name, data in members.items():
            new.writestr(name, data)
    return out.getvalue()


def _member(rng, data: bytes) -> bytes:
    if rng.random() < 0.02:
        return bytes(150_000_000)
    if data.startswith(b"{"):
        return retyped(rng, data)
    if data.startswith(b"\x93NUMPY") and rng.random() < 0.3:
        return rng.choice(ARRAYS)
    return mutated(rng, data)


def _arrays() -> list[bytes]:
    """What a `.npy` member may be and must not: pickled objects that would run code, and absurd shapes."""
    made = [base64.b64decode(PICKLE)]
    for shape in ("(10000000000000,)", "(-1,)", "(0, 99999999999)", "(" * 60 + ")" * 60):
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        made.append(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    out = io.BytesIO()
    np.save(out, np.array([Evil()], dtype=object), allow_pickle=True)
    return [*made, out.getvalue()]


class Evil:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        import os

        return os.system, ("touch pickle-was-run",)


PICKLE = base64.b64encode(b"cos\nsystem\n(S'touch pickle-was-run'\ntR.")
ARRAYS = _arrays()
