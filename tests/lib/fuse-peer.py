#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""fuse-peer.py BACKING MOUNTPOINT

A file system as network and user space ones are: no id-mapped mounts, no immutable files, no
unnamed temporary files. What is written to it lies in BACKING. Prints "mounted"; ends when
it is unmounted. As long as there is a file BACKING.slow, no name is looked up in it. The
protocol is that of linux/fuse.h.
"""

import ctypes
import errno
import os
import stat
import struct
import sys
import time

IN = struct.Struct("<IIQQIIIHH")
LOOKUP, FORGET, GETATTR, SETATTR, READLINK, SYMLINK = 1, 2, 3, 4, 5, 6
MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, OPEN, READ, WRITE = 8, 9, 10, 11, 12, 13, 14, 15, 16
STATFS, RELEASE, FSYNC, FLUSH, INIT, OPENDIR, READDIR = 17, 18, 20, 25, 26, 27, 28
RELEASEDIR, FSYNCDIR, CREATE, INTERRUPT, IOCTL, BATCH_FORGET, RENAME2 = 29, 30, 35, 36, 39, 42, 45
NO_REPLY = (FORGET, BATCH_FORGET, INTERRUPT)


class Nodes:
    """Numbers of nodes, and where each lies below the backing directory."""

    def __init__(self, top):
        self.paths = {1: top}
        self.next = 2

    def of(self, path):
        for number, known in self.paths.items():
            if known == path:
                return number
        self.paths[self.next] = path
        self.next += 1
        return self.next - 1

    def forget(self, path):
        for number in [n for n, p in self.paths.items() if p == path]:
            self.paths[number] = None

    def move(self, old, new):
        self.forget(new)
        for number, path in list(self.paths.items()):
            if path and (path == old or path.startswith(old + "/")):
                self.paths[number] = new + path[len(old):]


class Peer:
    def __init__(self, backing):
        self.nodes = Nodes(backing)
        self.names = {
            getattr(sys.modules[__name__], name): getattr(self, "do_" + name.lower())
            for name in globals()
            if name.isupper() and hasattr(self, "do_" + name.lower())
        }

    def path(self, node):
        path = self.nodes.paths.get(node)
        if path is None:
            raise OSError(errno.ESTALE, "gone")
        return path

    @staticmethod
    def attr(st):
        return struct.pack("<QQQQQQIIIIIIIIII", st.st_ino, st.st_size, st.st_blocks,
                           int(st.st_atime), int(st.st_mtime), int(st.st_ctime),
                           st.st_atime_ns % 10**9, st.st_mtime_ns % 10**9, st.st_ctime_ns % 10**9,
                           st.st_mode, st.st_nlink, st.st_uid, st.st_gid, st.st_rdev, 4096, 0)

    def entry(self, path):
        st = os.lstat(path)
        return struct.pack("<QQQQII", self.nodes.of(path), 0, 0, 0, 0, 0) + self.attr(st)

    def made(self, path, head):
        os.lchown(path, head[4], head[5])
        return self.entry(path)

    def child(self, head, name):
        return os.path.join(self.path(head[3]), os.fsdecode(name.split(b"\0")[0]))

    def do_init(self, head, body):
        return struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 0, 0, 65536, 1, 0, 0, 0)

    def do_lookup(self, head, body):
        while os.path.exists(self.nodes.paths[1] + ".slow"):
            time.sleep(0.02)
        return self.entry(self.child(head, body))

    def do_getattr(self, head, body):
        return struct.pack("<QII", 0, 0, 0) + self.attr(os.lstat(self.path(head[3])))

    def do_setattr(self, head, body):
        valid, _, _, size, _, atime, mtime = struct.unpack_from("<IIQQQQQ", body)
        mode, _, uid, gid = struct.unpack_from("<IIII", body, 68)
        path = self.path(head[3])
        if valid & 6:
            os.lchown(path, uid if valid & 2 else -1, gid if valid & 4 else -1)
        if valid & 1:
            os.chmod(path, stat.S_IMODE(mode))
        if valid & 8:
            os.truncate(path, size)
        if valid & 48 == 48:
            os.utime(path, (atime, mtime), follow_symlinks=False)
        return self.do_getattr(head, body)

    def do_readlink(self, head, body):
        return os.fsencode(os.readlink(self.path(head[3])))

    def do_symlink(self, head, body):
        name, target = body.split(b"\0")[:2]
        path = self.child(head, name)
        os.symlink(os.fsdecode(target), path)
        return self.made(path, head)

    def do_mknod(self, head, body):
        path = self.child(head, body[16:])
        os.mknod(path, struct.unpack_from("<I", body)[0])
        return self.made(path, head)

    def do_mkdir(self, head, body):
        path = self.child(head, body[8:])
        os.mkdir(path, stat.S_IMODE(struct.unpack_from("<I", body)[0]))
        return self.made(path, head)

    def do_unlink(self, head, body):
        path = self.child(head, body)
        os.unlink(path)
        self.nodes.forget(path)
        return b""

    def do_rmdir(self, head, body):
        path = self.child(head, body)
        os.rmdir(path)
        self.nodes.forget(path)
        return b""

    def do_rename(self, head, body, skip=8):
        to = struct.unpack_from("<Q", body)[0]
        old, new = body[skip:].split(b"\0")[:2]
        source = self.child(head, old)
        target = os.path.join(self.path(to), os.fsdecode(new))
        os.rename(source, target)
        self.nodes.move(source, target)
        return b""

    def do_rename2(self, head, body):
        if struct.unpack_from("<I", body, 8)[0]:
            raise OSError(errno.EINVAL, "no flags")
        return self.do_rename(head, body, 16)

    def do_link(self, head, body):
        path = self.child(head, body[8:])
        os.link(self.path(struct.unpack_from("<Q", body)[0]), path)
        return self.entry(path)

    def do_open(self, head, body):
        flags = struct.unpack_from("<I", body)[0] & (os.O_ACCMODE | os.O_TRUNC)
        return struct.pack("<QII", os.open(self.path(head[3]), flags | os.O_CLOEXEC), 0, 0)

    def do_create(self, head, body):
        flags, mode = struct.unpack_from("<II", body)
        path = self.child(head, body[16:])
        keep = flags & (os.O_ACCMODE | os.O_TRUNC | os.O_EXCL)
        fd = os.open(path, keep | os.O_CREAT | os.O_CLOEXEC, stat.S_IMODE(mode))
        return self.made(path, head) + struct.pack("<QII", fd, 0, 0)

    def do_read(self, head, body):
        fd, offset, size = struct.unpack_from("<QQI", body)
        return os.pread(fd, size, offset)

    def do_write(self, head, body):
        fd, offset, size = struct.unpack_from("<QQI", body)
        return struct.pack("<II", os.pwrite(fd, body[40:40 + size], offset), 0)

    def do_statfs(self, head, body):
        st = os.statvfs(self.nodes.paths[1])
        return struct.pack("<QQQQQIIII24x", st.f_blocks, st.f_bfree, st.f_bavail, st.f_files,
                           st.f_ffree, st.f_bsize, st.f_namemax, st.f_frsize, 0)

    def do_release(self, head, body):
        os.close(struct.unpack_from("<Q", body)[0])
        return b""

    def do_fsync(self, head, body):
        return b""

    do_flush = do_fsyncdir = do_releasedir = do_fsync

    def do_opendir(self, head, body):
        self.path(head[3])
        return struct.pack("<QII", 0, 0, 0)

    def do_readdir(self, head, body):
        _, offset, size = struct.unpack_from("<QQI", body)
        names = [".", ".."] + sorted(os.listdir(self.path(head[3])))
        out = b""
        for number, name in list(enumerate(names, 1))[offset:]:
            raw = os.fsencode(name)
            one = struct.pack("<QQII", 1, number, len(raw), 0) + raw
            one += b"\0" * (-len(one) % 8)
            if len(out) + len(one) > size:
                break
            out += one
        return out

    def do_ioctl(self, head, body):
        raise OSError(errno.ENOTTY, "no ioctl")

    def answer(self, data):
        head = IN.unpack_from(data)
        if head[1] in NO_REPLY:
            return None
        try:
            act = self.names.get(head[1])
            out = act(head, data[IN.size:]) if act else None
            error = 0 if act else -errno.ENOSYS
        except OSError as e:
            out, error = None, -(e.errno or errno.EIO)
        out = out or b""
        return struct.pack("<IiQ", 16 + len(out), error, head[2]) + out


def main():
    backing, point = (os.path.abspath(a) for a in sys.argv[1:3])
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"peer", point.encode(), b"fuse", 0, options.encode()) < 0:
        sys.exit(f"fuse-peer: cannot mount: {os.strerror(ctypes.get_errno())}")
    os.umask(0)
    peer = Peer(backing)
    print("mounted", flush=True)
    while True:
        try:
            data = os.read(fd, 1 << 17)
        except OSError as e:
            if e.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                continue
            return
        out = peer.answer(data)
        if out is not None:
            try:
                os.write(fd, out)
            except OSError:
                pass


main()
