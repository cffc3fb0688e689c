#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Inside the machine: runs what the host side sends over the virtio port, a script at a
time, and sends back what it says. A script comes as "RUN <bytes>\n<bytes>"; the answer is
"OUT <bytes>\n<bytes>" any number of times, then "EXIT <status>\n"."""

import os
import select
import signal
import subprocess
import sys
import time

PORT = "/dev/virtio-ports/coi"


def line(port):
    got = b""
    while not got.endswith(b"\n"):
        byte = os.read(port, 1)
        if not byte:  # nobody is connected
            time.sleep(0.2)
            continue
        got += byte
    return got.decode()


def exactly(port, count):
    got = b""
    while len(got) < count:
        got += os.read(port, count - len(got))
    return got


def send(port, data):
    while data:
        data = data[os.write(port, data):]


def hung_up(port):
    poll = select.poll()
    poll.register(port, 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def main():
    port = os.open(PORT, os.O_RDWR)
    send(port, b"READY\n")
    while True:
        word, _, count = line(port).partition(" ")
        if word != "RUN":
            continue
        script = exactly(port, int(count))
        with open("/run/coi-vm.script", "wb") as file:
            file.write(script)
        # The script's children may outlive it and hold the pipe: a file is not held.
        with open("/run/coi-vm.out", "wb") as out:
            child = subprocess.Popen(["/bin/bash", "/run/coi-vm.script"], stdout=out,
                                     stderr=out, stdin=subprocess.DEVNULL,
                                     start_new_session=True)
        with open("/run/coi-vm.out", "rb") as out:
            while True:
                status = child.poll()
                if status is None and hung_up(port):
                    os.killpg(child.pid, signal.SIGTERM)
                    child.wait()
                    break
                data = out.read(65536)
                if data:
                    send(port, b"OUT %d\n" % len(data) + data)
                elif status is not None:
                    break
                else:
                    time.sleep(0.1)
        if status is not None:
            send(port, b"EXIT %d\n" % (status if status >= 0 else 128 - status))


if __name__ == "__main__":
    sys.exit(main())
