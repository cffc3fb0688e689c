#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A VPN of a test: tun-pair.py NAME NETNS makes a tun device NAME here and one in the network
namespace (a file) NETNS, and carries packets from each to the other until it is killed.
Says "ready" when both are there."""
import fcntl
import os
import select
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def enter(path):
    import ctypes
    with open(path, "rb") as netns:
        if ctypes.CDLL(None, use_errno=True).setns(netns.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def main():
    name, world = sys.argv[1:3]
    here = tun(name)
    enter(world)
    there = tun(name)
    print("ready", flush=True)
    while True:
        for fd in select.select([here, there], [], [])[0]:
            try:
                os.write(there if fd == here else here, os.read(fd, 65536))
            except OSError:
                pass  # the other one is not up


main()
