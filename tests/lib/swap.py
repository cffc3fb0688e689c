#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""swap.py DIRECTORY TARGET: what root in a container does to the path that is copied.

DIRECTORY/x is by turns a file, a directory, a FIFO, a link to TARGET, to /proc/1/root and
upwards, each put there by one exchange of names, as fast as the kernel does them.
DIRECTORY/swapped says how often, when it ends (SIGTERM). Runs in the container's user
namespace on its tree (nsenter).
"""
import ctypes
import os
import signal
import sys

libc = ctypes.CDLL(None)
top = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
os.fchdir(top)
with open("y0", "w") as f:
    f.write("good\n")
os.mkdir("y1")
with open("y1/f", "w") as f:
    f.write("good\n")
os.mkfifo("y2")
os.symlink(sys.argv[2], "y3")
os.symlink("/proc/1/root" + sys.argv[2], "y4")
os.symlink("../" * 20 + sys.argv[2].lstrip("/"), "y5")
os.symlink("y1", "y6")
with open("x", "w") as f:
    f.write("good\n")
count = 0


def end(*_):
    with open("swapped", "w") as f:
        f.write("%d\n" % count)
    os._exit(0)


signal.signal(signal.SIGTERM, end)
names = [b"y%d" % i for i in range(7)]
with open("ready", "w"):
    pass
while True:
    for name in names:
        libc.renameat2(top, b"x", top, name, 2)
    count += len(names)
