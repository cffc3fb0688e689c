#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""odd.py VERB DIRECTORY: what root in a container may make, to annoy who copies it.

  make    all kinds of odd objects (set up by 'base', which is what the layer below has)
  base    what 'make' then renames, replaces and removes
  list    a line for each object with all that a copy has to keep; holes are not read
  deep PLACE N  a tree N levels deep in PLACE, made a step at a time

Runs in the container's user namespace on its tree (nsenter), as its root.
"""
import hashlib
import os
import socket
import stat
import sys


def attempt(fn, *args, **more):
    """What the kernel does not let the container do is none of our business."""
    try:
        fn(*args, **more)
    except OSError:
        pass


def write(name, data=b"x"):
    with open(name, "wb") as f:
        f.write(data)


def base():
    for d in (b"renamed", b"replaced", b"emptied", b"was-dir"):
        os.makedirs(d + b"/below")
        write(d + b"/below/file", d)
    write(b"was-file")
    write(b"touched", b"the same")
    write(b"touched-attr", b"the same")
    os.link(b"touched", b"touched-too")


def change_base():
    os.rename(b"renamed", b"renamed-now")
    write(b"renamed-now/below/new")
    for d in (b"replaced", b"emptied", b"was-dir"):
        os.unlink(d + b"/below/file")
        os.rmdir(d + b"/below")
    os.rmdir(b"replaced")
    os.mkdir(b"replaced")
    write(b"replaced/new")
    os.rmdir(b"was-dir")
    write(b"was-dir")
    os.unlink(b"was-file")
    os.mkdir(b"was-file")
    write(b"was-file/x")
    os.link(b"touched", b"renamed-now/third name")
    attempt(os.setxattr, b"touched-attr", b"user.late", b"\0\xff")


def names():
    for name in (b"new\nline", b"\x1b[31mred\x07", b"not\xffutf8", b"-rf", b"--", b" ", b"l" * 255,
                 b"back\\slash", b"quote\"'", b".wh.hidden", b".wh..wh..opq", b"*", b"%s%n",
                 b"\xe2\x80\xaeleft"):
        write(name, name)
    os.mkdir(b"dir\nwith\x1b]0;title\x07")
    write(b"dir\nwith\x1b]0;title\x07/in\rit")


def special():
    os.mkfifo(b"fifo")
    os.mkfifo(b"fifo-link.a")
    os.link(b"fifo-link.a", b"fifo-link.b")
    s = socket.socket(socket.AF_UNIX)
    s.bind("socket")
    s.close()
    for device in ((1, 5), (0, 0), (8, 0)):
        attempt(os.mknod, "char%d-%d" % device, stat.S_IFCHR | 0o666, os.makedev(*device))
        attempt(os.mknod, "block%d-%d" % device, stat.S_IFBLK | 0o666, os.makedev(*device))
    for i, target in enumerate((b"/etc/shadow", b"../" * 40 + b"etc/shadow", b"loop4", b"t" * 4095,
                                b"loop4", b"/proc/self/fd/0", b"\x1b[2J\n")):
        os.symlink(target, b"loop%d" % i)
    os.link(b"loop1", b"loop1-too", follow_symlinks=False)


def modes():
    for mode in (0o4755, 0o2755, 0o6111, 0o000, 0o1777):
        write(b"mode%o" % mode)
        os.chown(b"mode%o" % mode, 1000, 65534)
        os.chmod(b"mode%o" % mode, mode)
        os.mkdir(b"dir%o" % mode)
        write(b"dir%o/in" % mode)
        os.chmod(b"dir%o" % mode, mode)
    os.utime(b"mode4755", ns=(-10 ** 9, 2 ** 33 * 10 ** 9 + 7))


def attributes():
    write(b"x")
    os.mkdir(b"xd")
    for name in (b"x", b"xd"):
        for key in (b"user.plain", b"user.\xff\n", b"user.overlay.opaque", b"user.overlay.redirect",
                    b"user.overlay.metacopy", b"user.overlay.whiteout", b"user.fuseoverlayfs.opaque",
                    b"trusted.overlay.opaque", b"trusted.overlay.redirect", b"trusted.overlay.metacopy",
                    b"trusted.overlay.origin", b"trusted.x", b"security.x", b"security.ima",
                    b"security.selinux"):
            attempt(os.setxattr, name, key, b"/etc" if b"redirect" in key else b"y")
        attempt(os.setxattr, name, b"user.many", b"z" * 1000)
        # u::rwx u:1000:rw- g::r-x m::rwx o::---
        attempt(os.setxattr, name, b"system.posix_acl_access", bytes.fromhex(
            "02000000 01000700ffffffff 02000600e8030000 04000500ffffffff 10000700ffffffff"
            " 20000000ffffffff"))
    # cap_net_raw+ep, as a container's root gives it.
    attempt(os.setxattr, b"x", b"security.capability",
            bytes.fromhex("01000002 00200000 00000000 00000000 00000000"))


def links_and_holes():
    write(b"one", b"linked")
    os.makedirs(b"a/b/c")
    os.link(b"one", b"a/b/c/two")
    os.link(b"one", b"three")
    with open(b"sparse", "wb") as f:
        f.write(b"begin")
        f.seek(1 << 40)
        f.write(b"end")
    with open(b"nothing", "wb") as f:
        f.truncate(1 << 40)


def many(count):
    os.mkdir(b"many")
    for i in range(count):
        write(b"many/%d" % i, b"")


def make():
    change_base()
    for part in (names, special, modes, attributes, links_and_holes):
        os.mkdir(part.__name__)
        os.chdir(part.__name__)
        part()
        os.chdir(b"..")
    many(int(os.environ.get("ODD_COUNT", "5000")))


def content(path, size):
    """The pieces that are no holes, and what is in them but zeros at the edges of blocks."""
    h = hashlib.sha256(b"%d" % size)
    with open(path, "rb") as f:
        at = 0
        while at < size:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
            f.seek(at)
            data = f.read(end - at)
            h.update(b"" if not data.strip(b"\0") else b"%d" % at + data.rstrip(b"\0"))
            at = end
    return h.hexdigest()[:16]


def show(path, st, first):
    kind = stat.S_IFMT(st.st_mode)
    out = [repr(path), "%o" % st.st_mode, "%d:%d" % (st.st_uid, st.st_gid)]
    if kind != stat.S_IFDIR:
        # Not how many links: overlayfs counts those that were left below.
        out += [str(st.st_size), repr(first.setdefault(st.st_ino, path))]
        out += ["%d" % st.st_mtime_ns]
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        out.append("%x" % st.st_rdev)
    if kind == stat.S_IFREG:
        out.append(content(path, st.st_size))
    if kind == stat.S_IFLNK:
        out.append(repr(os.readlink(path)))
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        value = os.getxattr(path, name, follow_symlinks=False)
        short = value.hex() if len(value) < 60 else hashlib.sha256(value).hexdigest()[:16]
        out.append("%r=%s" % (name, short))
    print(*out)


def walk(top, first):
    for name in sorted(os.listdir(top)):
        path = top + b"/" + name
        st = os.lstat(path)
        show(path, st, first)
        if stat.S_ISDIR(st.st_mode):
            walk(path, first)


def deep(levels):
    for _ in range(levels):
        os.mkdir("deep")
        os.chdir("deep")
    write("bottom")


os.umask(0o022)
os.chdir(sys.argv[2])
if sys.argv[1] == "list":
    walk(b".", {})
elif sys.argv[1] == "deep":
    os.chdir(sys.argv[3])
    deep(int(sys.argv[4]))
else:
    {"make": make, "base": base}[sys.argv[1]]()
