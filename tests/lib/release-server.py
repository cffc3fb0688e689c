#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""release-server.py DIRECTORY FILES: serves the files of directory FILES over TLS.

CA, certificates, port and log in DIRECTORY as tls-server.py has them. What the file
DIRECTORY/mode says is done with each file whose name matches its second word:

  cut PATTERN    a third of the file a request    plain PATTERN  redirects to http
  half PATTERN   never more than half of it       none PATTERN   404
"""
import fnmatch
import http.server
import os
import ssl
import subprocess
import sys

where, files = sys.argv[1:]


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
    def do_GET(self):
        name = self.path.lstrip("/")
        wanted = self.headers.get("Range", "")
        start = int(wanted[len("bytes="):].split("-")[0]) if wanted else 0
        with open(os.path.join(where, "log"), "a") as f:
            f.write("%s %s\n" % (self.path, wanted))
        try:
            with open(os.path.join(where, "mode")) as f:
                mode, pattern = f.read().split()
        except FileNotFoundError:
            mode, pattern = "", ""
        if not fnmatch.fnmatch(name, pattern):
            mode = ""
        path = os.path.join(files, name)
        if mode == "none" or not os.path.isfile(path):
            self.send_error(404)
            return
        if mode == "plain":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:%d/%s" % (self.server.server_port, name))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        with open(path, "rb") as f:
            data = f.read()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        ends = {"cut": start + len(data) // 3 + 1, "half": max(start, len(data) // 2)}
        self.wfile.write(data[start:ends.get(mode, len(data))])
        self.close_connection = True

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
