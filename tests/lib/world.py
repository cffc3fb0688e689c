#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The internet of a test: a name server and web servers, in one process.

world.py LOG READY: each request is one line in LOG, "ready" goes to READY when all
sockets listen. Names and addresses are those of netns-stage.
"""
import selectors
import socket
import struct
import sys
import threading
import time

NAME_SERVER = "203.0.113.53"
WEB = ["203.0.113.10", "198.51.100.10", "10.9.8.7", "172.16.5.5", "192.168.50.1",
       "100.64.0.9", "169.254.169.254", "169.254.1.1", "192.0.2.1"]
WEB_PORTS = [80, 443, 8080]
ZONE = {
    "api.anthropic.com": ["203.0.113.10"],
    "public.test": ["203.0.113.10"],
    "other.test": ["198.51.100.10"],
    "both.test": ["203.0.113.10", "198.51.100.10"],
    "private.test": ["10.9.8.7"],
    "lan.test": ["192.168.50.1"],
    "metadata.test": ["169.254.169.254"],
    "link.test": ["169.254.1.1"],
    "shared.test": ["100.64.0.9"],
    "six.test": ["203.0.113.10"],
}
SIX = {"six.test": ["2001:db8::10"]}
ALIAS = {"alias.test": "public.test"}
# Chains of aliases: chain1.test to chain20.test and then a public or a private address.
for end, name in (("public.test", "chain"), ("private.test", "badchain")):
    for n in range(1, 21):
        ALIAS[f"{name}{n}.test"] = f"{name}{n + 1}.test" if n < 20 else end
# What is asked again has another answer: the next of these each time.
TURNS = {
    "rebind.test": [["203.0.113.10"], ["10.9.8.7"]],
    "remeta.test": [["198.51.100.10"], ["169.254.169.254"]],
    "mixed.test": [["203.0.113.10", "10.9.8.7"]],
    "rotate.test": [[f"203.0.113.{n}"] for n in range(128, 256)],
}
# Beside the answer, and not asked for: records of other names.
BESIDE = {
    "beside.test": [("beside.test", "10.9.8.7"), ("sly.test", "203.0.113.201")],
}
ZONE["beside.test"] = ["203.0.113.10"]
ZONE["zero.test"] = ["203.0.113.10"]
TTLS = {"rebind.test": 0, "remeta.test": 0, "zero.test": 0, "rotate.test": 1}
TTL = 5
TURN = {}
LOOP = selectors.DefaultSelector()
LOG = threading.Lock()
# Who says nothing for so many seconds has no request.
SILENCE = 2
ECHO_PORT = 7
ANY_PORT = 8088
A, CNAME, AAAA = 1, 5, 28


def log(out, *words):
    with LOG:
        out.write(" ".join(str(w) for w in words) + "\n")
        out.flush()


def name_bytes(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


def a_record(owner, ttl, text):
    return owner + struct.pack(">HHIH", A, 1, ttl, 4) + socket.inet_aton(text)


def turn_of(name, kind):
    """How often its address was asked before."""
    if kind != A:
        return 0
    TURN[name] = TURN.get(name, -1) + 1
    return TURN[name]


def answer(query):
    """(reply, name, type) for a query; None when it is not one."""
    if len(query) < 17 or query[2] & 0x80:
        return None
    at, parts = 12, []
    while at < len(query) and query[at]:
        size = query[at]
        if size > 63 or at + size + 1 >= len(query):
            return None
        parts.append(query[at + 1:at + 1 + size].decode("ascii", "replace"))
        at += size + 1
    if at + 5 > len(query):
        return None
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    question = query[12:at + 5]
    name = ".".join(parts).lower()
    records, target, ttl = [], name, TTLS.get(name, TTL)
    while target in ALIAS:
        data = name_bytes(ALIAS[target])
        records.append(name_bytes(target) + struct.pack(">HHIH", CNAME, 1, ttl, len(data)) + data)
        target = ALIAS[target]
    owner = name_bytes(target)
    addresses = ZONE.get(target, [])
    if target in TURNS:
        addresses = TURNS[target][turn_of(target, kind) % len(TURNS[target])]
    if kind == A:
        records += [a_record(owner, ttl, a) for a in addresses]
    if kind == AAAA:
        records += [owner + struct.pack(">HHIH", AAAA, 1, TTL, 16)
                    + socket.inet_pton(socket.AF_INET6, a) for a in SIX.get(target, [])]
    beside = [a_record(name_bytes(n), ttl, a) for n, a in BESIDE.get(target, [])]
    code = 0 if target in ZONE or target in TURNS else 3
    head = query[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(records), 0, len(beside))
    return head + question + b"".join(records + beside), name, kind


def dns_udp(sock, out):
    query, peer = sock.recvfrom(4096)
    reply = answer(query)
    if reply:
        log(out, "dns", reply[1] or ".", reply[2], peer[0])
        sock.sendto(reply[0], peer)


def each(serve):
    """A thread for each connection: one that says nothing keeps nobody else waiting."""
    def accept(sock, out):
        conn, peer = sock.accept()
        conn.settimeout(SILENCE)
        threading.Thread(target=serve, args=(conn, peer, out), daemon=True).start()
    return accept


def dns_tcp(conn, peer, out):
    with conn:
        try:
            head = conn.recv(2, socket.MSG_WAITALL)
            query = conn.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL)
            reply = answer(query)
            if reply:
                log(out, "dns-tcp", reply[1] or ".", reply[2], peer[0])
                conn.sendall(struct.pack(">H", len(reply[0])) + reply[0])
        except (OSError, struct.error):
            pass


def web(conn, peer, out):
    with conn:
        try:
            head = b""
            while b"\r\n\r\n" not in head and len(head) < 65536:
                more = conn.recv(4096)
                if not more:
                    break
                head += more
        except OSError:
            head = b""
        address, port = conn.getsockname()
        words = head.split(b" ")
        path = words[1].decode("ascii", "replace") if len(words) > 1 else "-"
        log(out, "http", f"{address}:{port}", path, peer[0])
        body = f"hello from {address}\n".encode()
        try:
            conn.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
                         + str(len(body)).encode() + b"\r\n\r\n" + body)
        except OSError:
            pass


def echo_udp(sock, out):
    text, peer = sock.recvfrom(4096)
    address, port = sock.getsockname()
    log(out, "echo-udp", f"{address}:{port}", peer[0])
    sock.sendto(text, peer)


def echo_tcp(sock, out):
    """All that comes on one connection comes back, and is a line of the log each time."""
    conn, peer = sock.accept()
    conn.setblocking(False)
    LOOP.register(conn, selectors.EVENT_READ, lambda c, o: echo_more(c, peer, o))


def echo_more(conn, peer, out):
    try:
        text = conn.recv(4096)
        address, port = conn.getsockname()
        if text:
            log(out, "echo-tcp", f"{address}:{port}", peer[0])
            conn.sendall(text)
            return
    except OSError:
        pass
    LOOP.unregister(conn)
    conn.close()


def listen(address, port, kind):
    sock = socket.socket(socket.AF_INET, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    if kind == socket.SOCK_STREAM:
        sock.listen(64)
    return sock


def main():
    out = open(sys.argv[1], "a", encoding="utf-8")
    loop = LOOP
    loop.register(listen(NAME_SERVER, 53, socket.SOCK_DGRAM), selectors.EVENT_READ, dns_udp)
    loop.register(listen(NAME_SERVER, 53, socket.SOCK_STREAM), selectors.EVENT_READ, each(dns_tcp))
    for address in WEB:
        for port in WEB_PORTS:
            loop.register(listen(address, port, socket.SOCK_STREAM), selectors.EVENT_READ, each(web))
        loop.register(listen(address, ECHO_PORT, socket.SOCK_DGRAM), selectors.EVENT_READ, echo_udp)
        loop.register(listen(address, ECHO_PORT, socket.SOCK_STREAM), selectors.EVENT_READ, echo_tcp)
    # By any address that leads here: those of rotate.test.
    loop.register(listen("0.0.0.0", ANY_PORT, socket.SOCK_STREAM), selectors.EVENT_READ, each(web))
    log(out, "start", int(time.time()))
    with open(sys.argv[2], "w", encoding="utf-8") as ready:
        ready.write("ready\n")
    while True:
        for key, _ in loop.select():
            key.data(key.fileobj, out)


if __name__ == "__main__":
    main()
