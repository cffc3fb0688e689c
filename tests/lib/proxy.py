#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""proxy.py DIRECTORY: a proxy for https (CONNECT alone), on a port of its own.

Writes DIRECTORY/proxy.port when it listens, and a line for each tunnel to
DIRECTORY/proxy.log: the host that was asked for, and the user, when one was named.
DIRECTORY/proxy.user, when there is one, holds the user:password that it wants.
"""
import base64
import http.server
import os
import select
import socket
import sys

where = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_CONNECT(self):
        said = self.headers.get("Proxy-Authorization", "")
        user = base64.b64decode(said.split(" ", 1)[1]).decode() if said else "-"
        with open(os.path.join(where, "proxy.log"), "a") as f:
            f.write("%s %s\n" % (self.path, user.split(":")[0]))
        try:
            with open(os.path.join(where, "proxy.user")) as f:
                wanted = f.read().strip()
        except OSError:
            wanted = user
        if user != wanted:
            self.send_error(407)
            return
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as server:
            self.send_response(200)
            self.end_headers()
            self.pass_on(server)
        self.close_connection = True

    def pass_on(self, server):
        ends = {self.connection: server, server: self.connection}
        while True:
            for end in select.select(list(ends), [], [])[0]:
                data = end.recv(65536)
                if not data:
                    return
                ends[end].sendall(data)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(os.path.join(where, "proxy.port.new"), "w") as f:
    f.write("%d\n" % server.server_port)
os.rename(os.path.join(where, "proxy.port.new"), os.path.join(where, "proxy.port"))
server.serve_forever()
