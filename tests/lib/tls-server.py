#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tls-server.py DIRECTORY FILE: serves FILE over TLS and misbehaves where it is asked to.

Makes a CA and a certificate in DIRECTORY (ca.pem), writes its port to DIRECTORY/port when it
listens, and a line for each request to DIRECTORY/log: path and Range.

  /ok         the file; Range is honoured        /moved   redirects to /ok
  /cut        a third of the file a request      /plain   redirects to http
  /deaf       breaks off once, ignores Range     /loop    redirects to itself
  /endless    zeros until nobody reads           /slow    takes its time
  else        404
"""
import http.server
import os
import ssl
import subprocess
import sys
import time

where, path = sys.argv[1:]
with open(path, "rb") as f:
    data = f.read()


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, cwd=where, stderr=subprocess.DEVNULL)


openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
        "-subj", "/CN=test CA", "-days", "2")
openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "req.pem",
        "-subj", "/CN=127.0.0.1")
with open(os.path.join(where, "ext"), "w") as f:
    f.write("subjectAltName=IP:127.0.0.1\n")
openssl("x509", "-req", "-in", "req.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", "cert.pem",
        "-days", "2", "-extfile", "ext", "-CAcreateserial")


class Handler(http.server.BaseHTTPRequestHandler):
    deaf_before = False

    def redirect(self, to):
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def begin(self, start):
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()

    def do_GET(self):
        wanted = self.headers.get("Range", "")
        start = int(wanted[len("bytes="):].split("-")[0]) if wanted else 0
        with open(os.path.join(where, "log"), "a") as f:
            f.write("%s %s\n" % (self.path, wanted))
        if self.path == "/ok":
            self.begin(start)
            self.wfile.write(data[start:])
        elif self.path == "/cut":
            self.begin(start)
            self.wfile.write(data[start:start + len(data) // 3 + 1])
            self.close_connection = True
        elif self.path == "/slow":
            self.begin(start)
            for at in range(start, len(data), len(data) // 10 + 1):
                self.wfile.write(data[at:at + len(data) // 10 + 1])
                time.sleep(0.1)
        elif self.path == "/deaf":
            self.begin(0)
            self.wfile.write(data if Handler.deaf_before else data[:len(data) // 2])
            Handler.deaf_before = True
            self.close_connection = True
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(bytes(1 << 20))
            except OSError:
                self.close_connection = True
        elif self.path in ("/moved", "/loop"):
            self.redirect("/ok" if self.path == "/moved" else "/loop")
        elif self.path == "/plain":
            self.redirect("http://127.0.0.1:%d/ok" % self.server.server_port)
        else:
            self.send_error(404)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(where, "cert.pem"), os.path.join(where, "key.pem"))
server.socket = context.wrap_socket(server.socket, server_side=True)
with open(os.path.join(where, "port.new"), "w") as f:
    f.write("%d\n" % server.server_port)
os.rename(os.path.join(where, "port.new"), os.path.join(where, "port"))
server.serve_forever()
