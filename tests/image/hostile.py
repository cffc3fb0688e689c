#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile archives, made block by block, and a naive extractor that falls for them.

  hostile.py list                 name, kind, expected message (tab separated)
  hostile.py make NAME FILE DIR   write archive NAME to FILE; it aims at DIR
  hostile.py naive FILE DIR       extract FILE below DIR without any care

kind: escape   the naive extractor changes the target directory (so the attack is real)
      refused  must be refused for another reason
"""
import gzip
import io
import lzma
import os
import struct
import subprocess
import sys

CASES = {}


def case(name, kind, message):
    def add(fn):
        CASES[name] = (kind, message, fn)
        return fn
    return add


def header(name, size=0, kind=b"0", link="", mode=0o644, uid=0, gid=0, major=0, minor=0,
           size_field=None):
    raw = name if isinstance(name, bytes) else name.encode()
    link = link if isinstance(link, bytes) else link.encode()
    assert len(raw) <= 100 and len(link) <= 100, (raw, link)

    def num(value, width):
        if value < 8 ** (width - 1):
            return b"%0*o\0" % (width - 1, value)
        return b"\x80" + value.to_bytes(width - 1, "big")
    block = bytearray(512)
    block[0:len(raw)] = raw
    block[100:108] = num(mode, 8)
    block[108:116] = num(uid, 8)
    block[116:124] = num(gid, 8)
    block[124:136] = size_field if size_field is not None else num(size, 12)
    block[136:148] = num(1700000000, 12)
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157:157 + len(link)] = link
    block[257:265] = b"ustar\00000"
    block[329:337] = num(major, 8)
    block[337:345] = num(minor, 8)
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pad(data):
    return data + bytes(-len(data) % 512)


def file(name, data=b"x\n", **more):
    return header(name, len(data), **more) + pad(data)


def folder(name, mode=0o755, **more):
    return header(name, kind=b"5", mode=mode, **more)


def symlink(name, target):
    return header(name, kind=b"2", link=target, mode=0o777)


def hardlink(name, target):
    return header(name, kind=b"1", link=target)


def pax(records, kind=b"x"):
    body = b""
    for key, value in records:
        key = key.encode() if isinstance(key, str) else key
        value = value.encode() if isinstance(value, str) else value
        n = len(key) + len(value) + 3
        length = n + len(str(n))
        if len(str(length)) != len(str(n)):
            length = n + len(str(length))
        body += b"%d %s=%s\n" % (length, key, value)
    return header("PaxHeaders/x", len(body), kind=kind) + pad(body)


END = bytes(1024)
GOOD = folder("./") + folder("etc/") + file("etc/passwd", b"root:x:0:0::/:/bin/sh\n")


# ---- ways out ----

@case("absolute", "escape", "it is absolute")
def _(target):
    return GOOD + file(target + "/pwned") + END


@case("absolute-pax", "escape", "it is absolute")
def _(target):
    return GOOD + pax([("path", target + "/pwned")]) + file("etc/hosts") + END


@case("dotdot", "escape", r"it has a '\.\.' in it")
def _(target):
    return GOOD + file("../" * 12 + target.lstrip("/") + "/pwned") + END


@case("dotdot-inside", "escape", r"it has a '\.\.' in it")
def _(target):
    return GOOD + file("etc/" + "../" * 13 + target.lstrip("/") + "/pwned") + END


@case("symlink-then-file", "escape", "no directory")
def _(target):
    return GOOD + symlink("way", target) + file("way/pwned") + END


@case("symlink-relative-then-file", "escape", "no directory")
def _(target):
    return GOOD + symlink("way", "../" * 12 + target.lstrip("/")) + file("way/pwned") + END


@case("symlink-chain", "escape", "no directory")
def _(target):
    return GOOD + symlink("a", target) + symlink("b", "a") + symlink("c", "b") + file("c/pwned") + END


@case("symlink-as-folder", "escape", "already one of that name|no directory")
def _(target):
    return GOOD + symlink("way", target) + folder("way/") + file("way/pwned") + END


@case("symlink-chmod", "escape", "already one of that name")
def _(target):
    return GOOD + symlink("way", target) + folder("way/", mode=0o777) + END


@case("write-through-symlink", "escape", "already one of that name")
def _(target):
    return GOOD + symlink("etc/shadow", target + "/pwned") + file("etc/shadow") + END


@case("folder-replaced-by-symlink", "escape", "already one of that name")
def _(target):
    return GOOD + folder("way/") + symlink("way", target) + file("way/pwned") + END


@case("hardlink-absolute", "escape", "hard link leads to")
def _(target):
    return GOOD + hardlink("etc/x", target + "/precious") + file("etc/x", b"changed\n") + END


@case("hardlink-dotdot", "escape", "hard link leads to")
def _(target):
    return (GOOD + hardlink("etc/x", "../" * 12 + target.lstrip("/") + "/precious") +
            file("etc/x", b"changed\n") + END)


@case("hardlink-through-symlink", "escape", "hard link leads to")
def _(target):
    return GOOD + symlink("way", target) + hardlink("etc/x", "way/precious") + \
        file("etc/x", b"changed\n") + END


@case("unified-dotdot", "escape", r"it has a '\.\.' in it")
def _(target):
    return (file("metadata.yaml", b"architecture: x86_64\n") + folder("rootfs/") +
            file("rootfs/" + "../" * 14 + target.lstrip("/") + "/pwned") + END)


@case("unified-rootfs-symlink", "escape", "no directory")
def _(target):
    return (file("metadata.yaml", b"architecture: x86_64\n") + symlink("rootfs", target) +
            file("rootfs/pwned") + END)


# ---- what an image may not hold ----

@case("device-disk", "refused", "device node")
def _(target):
    return GOOD + folder("dev/") + header("dev/sda", kind=b"4", major=8, minor=0) + END


@case("device-mem-as-null", "refused", "device node")
def _(target):
    return GOOD + header("dev/null", kind=b"3", major=1, minor=1) + END


@case("device-null-elsewhere", "refused", "device node")
def _(target):
    return GOOD + header("etc/null", kind=b"3", major=1, minor=3) + END


@case("whiteout-device", "refused", "device node")
def _(target):
    return GOOD + header("etc/gone", kind=b"3", major=0, minor=0) + END


@case("whiteout-name", "refused", "whiteout")
def _(target):
    return GOOD + file("etc/.wh.passwd", b"") + END


@case("whiteout-opaque", "refused", "whiteout")
def _(target):
    return GOOD + file("etc/.wh..wh..opq", b"") + END


@case("overlay-opaque-xattr", "refused", "overlay")
def _(target):
    return GOOD + pax([("SCHILY.xattr.trusted.overlay.opaque", "y")]) + folder("usr/") + END


@case("overlay-redirect-xattr", "refused", "overlay")
def _(target):
    return GOOD + pax([("SCHILY.xattr.trusted.overlay.redirect", "/etc")]) + folder("usr/") + END


@case("overlay-user-xattr", "refused", "overlay")
def _(target):
    return GOOD + pax([("SCHILY.xattr.user.overlay.opaque", "y")]) + folder("usr/") + END


@case("uid-too-large", "refused", "above 65535")
def _(target):
    return GOOD + file("etc/x", uid=65536) + END


@case("gid-too-large", "refused", "above 65535")
def _(target):
    return GOOD + file("etc/x", gid=1 << 31) + END


@case("uid-negative", "refused", "above 65535")
def _(target):
    return GOOD + pax([("uid", "-1")]) + file("etc/x") + END


@case("duplicate-file", "refused", "already one of that name")
def _(target):
    return GOOD + file("etc/passwd", b"second\n") + END


@case("duplicate-by-dots", "refused", "already one of that name")
def _(target):
    return GOOD + file("./etc/.//passwd", b"second\n") + END


@case("file-over-folder", "refused", "already one of that name")
def _(target):
    return GOOD + file("etc") + END


@case("below-a-file", "refused", "no directory")
def _(target):
    return GOOD + file("etc/passwd/x") + END


@case("below-a-fifo", "refused", "no directory")
def _(target):
    return GOOD + header("etc/f", kind=b"6") + file("etc/f/x") + END


@case("top-is-a-file", "refused", "top directory is no directory|name cannot be read|damaged")
def _(target):
    return file(".") + END


@case("hardlink-to-folder", "refused", "leads to a directory")
def _(target):
    return GOOD + hardlink("x", "etc") + END


@case("hardlink-forward", "refused", "leads to nothing")
def _(target):
    return GOOD + hardlink("x", "later") + file("later") + END


@case("name-too-long", "refused", "longer than")
def _(target):
    return GOOD + pax([("path", "etc/" + "n" * 300)]) + file("etc/x") + END


@case("path-too-long", "refused", "longer than|nested")
def _(target):
    return GOOD + pax([("path", "/".join(["d" * 200] * 30))]) + file("etc/x") + END


@case("nested-too-deeply", "refused", "nested too deeply")
def _(target):
    return GOOD + pax([("path", "/".join(["d"] * 400))]) + file("etc/x") + END


@case("symlink-target-too-long", "refused", "target")
def _(target):
    return GOOD + pax([("linkpath", "t" * 5000)]) + symlink("x", "t") + END


@case("many-xattrs", "refused", "too many extended attributes")
def _(target):
    return GOOD + pax([("SCHILY.xattr.user.n%d" % n, "v") for n in range(200)]) + \
        file("etc/x") + END


@case("file-of-exabytes", "refused", "larger than|damaged|cut off")
def _(target):
    return GOOD + header("etc/x", size=1 << 60) + END


@case("sparse-of-exabytes", "refused", "larger than|damaged")
def _(target):
    return GOOD + pax([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
                       ("GNU.sparse.name", "etc/x"), ("GNU.sparse.realsize", str(1 << 61))]) + \
        file("etc/x", pad(b"1\n0\n1\n") + b"y") + END


@case("size-negative", "refused", "damaged|larger|cut off")
def _(target):
    return GOOD + header("etc/x", size_field=b"\xff" * 12) + END


@case("acl-of-foreign-id", "refused", "access list")
def _(target):
    return GOOD + pax([("SCHILY.acl.access",
                        "user::rw-,user:x:rwx:4000000,group::r--,mask::rwx,other::r--")]) + \
        file("etc/x") + END


@case("acl-as-broken-attribute", "refused", "access list")
def _(target):
    return GOOD + pax([("SCHILY.xattr.system.posix_acl_access", b"\2\0\0\0\1\0\7")]) + \
        file("etc/x") + END


@case("acl-as-attribute-of-foreign-id", "refused", "access list")
def _(target):
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *line) for line in (
        (1, 7, 0xffffffff), (2, 7, 70000), (4, 5, 0xffffffff), (16, 7, 0xffffffff),
        (32, 5, 0xffffffff)))
    return GOOD + pax([("SCHILY.xattr.system.posix_acl_access", value)]) + file("etc/x") + END


# ---- broken ----

@case("empty", "refused", "is empty")
def _(target):
    return b""


@case("text", "refused", "damaged or none")
def _(target):
    return b"this is a letter, not an archive\n" * 100


@case("zeros-only", "refused", "empty|none|damaged")
def _(target):
    return bytes(10240)


@case("random", "refused", "damaged or none")
def _(target):
    return b"".join(struct.pack("<I", (n * 2654435761) & 0xffffffff) for n in range(20000))


@case("cut-in-content", "refused", "damaged|cut off")
def _(target):
    return GOOD + header("etc/x", size=100000) + b"y" * 5000


@case("cut-between-entries", "refused", "cut off")
def _(target):
    return GOOD


@case("cut-in-header", "refused", "damaged|cut off")
def _(target):
    return GOOD + header("etc/x")[:300]


@case("bad-checksum", "refused", "damaged")
def _(target):
    block = bytearray(file("etc/x"))
    block[3] ^= 1
    return GOOD + bytes(block) + END


@case("gzip-cut", "refused", "damaged|cut off|truncated")
def _(target):
    return gzip.compress(GOOD + file("etc/x", os.urandom(50000)) + END)[:-20000]


@case("gzip-cut-trailer", "refused", "damaged|cut off|truncated")
def _(target):
    return gzip.compress(GOOD + END)[:-3]


@case("xz-cut-trailer", "refused", "damaged|cut off|truncated")
def _(target):
    return lzma.compress(GOOD + END)[:-8]


@case("xz-flipped", "refused", "damaged")
def _(target):
    raw = bytearray(lzma.compress(GOOD + file("etc/x", os.urandom(50000)) + END))
    raw[len(raw) // 2] ^= 0x55
    return bytes(raw)


@case("zstd-cut", "refused", "damaged|cut off|truncated")
def _(target):
    data = GOOD + file("etc/x", os.urandom(50000)) + END
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE,
                          check=True).stdout[:-100]


@case("compressed-twice", "refused", "compressed more than once")
def _(target):
    return gzip.compress(lzma.compress(GOOD + END))


@case("trailing-bomb", "refused", "something else follows")
def _(target):
    return gzip.compress(GOOD + bytes(80 << 20))


@case("squashfs", "refused", "squashfs")
def _(target):
    return b"hsqs" + bytes(4096)


@case("pax-header-of-a-gigabyte", "refused", "damaged|cut off")
def _(target):
    return GOOD + header("PaxHeaders/x", 1 << 30, kind=b"x") + bytes(4096)


@case("link-name-of-a-gigabyte", "refused", "damaged|cut off")
def _(target):
    return GOOD + header("././@LongLink", 1 << 30, kind=b"L") + bytes(4096)


@case("zip", "refused", "damaged or none")
def _(target):
    import zipfile
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("../../pwned", "x")
    return out.getvalue()


# ---- the extractor that trusts everything ----

def naive(path, top):
    data = open(path, "rb").read()
    at, name_override = 0, None
    while at + 512 <= len(data):
        block = data[at:at + 512]
        at += 512
        if not any(block):
            break
        name = name_override or block[0:100].rstrip(b"\0").decode()
        size = int(block[124:136].rstrip(b"\0 ") or b"0", 8)
        kind = block[156:157]
        link = block[157:257].rstrip(b"\0").decode()
        body = data[at:at + size]
        at += size + (-size % 512)
        name_override = None
        if kind == b"x":
            for line in body.split(b"\n"):
                if b" path=" in line:
                    name_override = line.split(b" path=", 1)[1].decode()
            continue
        full = os.path.join(top, name)
        if kind == b"5":
            os.makedirs(full, exist_ok=True)
            os.chmod(full, int(block[100:107], 8))
        elif kind == b"2":
            if os.path.isdir(full) and not os.path.islink(full):
                os.rmdir(full)
            os.symlink(link, full)
        elif kind == b"1":
            os.link(os.path.join(top, link), full)
        else:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as f:
                f.write(body)


def main():
    if sys.argv[1] == "list":
        for name, (kind, message, _) in CASES.items():
            print(name, kind, message, sep="\t")
    elif sys.argv[1] == "make":
        with open(sys.argv[3], "wb") as f:
            f.write(CASES[sys.argv[2]][2](sys.argv[4]))
    elif sys.argv[1] == "naive":
        naive(sys.argv[2], sys.argv[3])


if __name__ == "__main__":
    main()
