#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""talk.py SOCKET ready SECONDS        wait until the machine takes scripts
talk.py SOCKET run SECONDS <SCRIPT   run the script there, its output is ours, its exit
                                     status too (124: the time ran out)
The host side of agent.py."""

import socket
import sys
import time


class Port:
    def __init__(self, path, seconds):
        self.end = time.monotonic() + seconds
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.buffer = b""

    def more(self):
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the machine went away")
        self.buffer += data

    def line(self):
        while b"\n" not in self.buffer:
            self.more()
        found, self.buffer = self.buffer.split(b"\n", 1)
        return found.decode(errors="replace")

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found


def main():
    path, what, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    try:
        port = Port(path, seconds)
        if what == "ready":
            while port.line() != "READY":
                pass
            return 0
        script = sys.stdin.buffer.read()
        port.socket.sendall(b"RUN %d\n" % len(script) + script)
        while True:
            word, _, rest = port.line().partition(" ")
            if word == "EXIT":
                return int(rest)
            if word == "OUT":
                sys.stdout.buffer.write(port.exactly(int(rest)))
                sys.stdout.buffer.flush()
    except TimeoutError:
        print("talk.py: nothing in time", file=sys.stderr)
        return 124
    except ConnectionError as error:
        print(f"talk.py: {error}", file=sys.stderr)
        return 125


if __name__ == "__main__":
    sys.exit(main())
