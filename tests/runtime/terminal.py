#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run a command on a terminal of its own and talk to it, a word of script an argument.

terminal.py [expect:TEXT | send:TEXT | size:ROWSxCOLS | close | signal:NAME | eof | status:N
             | cooked | raw]... -- COMMAND...

What comes is echoed to standard output. \\n, \\xNN in TEXT are taken as in C. `cooked` and
`raw` look at the terminal's mode as the command left it. The exit status is 0 when all
was as expected.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

TIMEOUT = 20


def fail(text):
    print(f"\nterminal.py: {text}", flush=True)
    sys.exit(1)


class Terminal:
    def __init__(self, argv, rows=24, cols=80):
        self.seen = b""
        self.status = None
        self.master, self.slave = pty.openpty()
        self.resize(rows, cols)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            os.closerange(3, 64)
            os.execvp(argv[0], argv)

    def resize(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def pump(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        os.write(1, data)
        self.seen += data

    def expect(self, text):
        end = time.monotonic() + TIMEOUT
        while text not in self.seen:
            if time.monotonic() > end:
                fail(f"no {text!r} came")
            self.pump(0.1)
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def wait(self):
        end = time.monotonic() + TIMEOUT
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                before = None
                # What it wrote last is still on its way.
                while self.master >= 0 and before != len(self.seen):
                    before = len(self.seen)
                    self.pump(0.1)
                return
            if time.monotonic() > end:
                fail("the command does not end")
            if self.master >= 0:
                self.pump(0.05)
            else:
                time.sleep(0.05)


def main():
    at = sys.argv.index("--")
    term = Terminal(sys.argv[at + 1:])
    for step in sys.argv[1:at]:
        word, _, text = step.partition(":")
        data = text.encode().decode("unicode_escape").encode("latin-1")
        if word == "expect":
            term.expect(data)
        elif word == "send":
            os.write(term.master, data)
        elif word == "size":
            rows, cols = text.split("x")
            term.resize(int(rows), int(cols))
        elif word == "signal":
            os.kill(term.pid, getattr(signal, text))
        elif word == "close":
            os.close(term.slave)
            os.close(term.master)
            term.master = term.slave = -1
        elif word == "eof":
            os.write(term.master, b"\x04")
        elif word in ("cooked", "raw"):
            end = time.monotonic() + TIMEOUT
            while bool(termios.tcgetattr(term.slave)[3] & termios.ICANON) != (word == "cooked"):
                if time.monotonic() > end:
                    fail(f"the terminal is not {word}")
                time.sleep(0.02)
        elif word == "status":
            term.wait()
            if term.status != int(text):
                fail(f"status {term.status} instead of {text}")
        else:
            fail(f"unknown word {step}")
    if term.status is None:
        os.kill(term.pid, signal.SIGKILL)


main()
