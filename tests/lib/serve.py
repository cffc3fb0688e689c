# SPDX-License-Identifier: GPL-2.0-or-later
"""For the servers of the suites: certificates of an authority of their own, HTTPS by them."""
import http.server
import os
import ssl
import subprocess


def authority(where):
    """ca.pem in directory WHERE, and cert.pem and key.pem for 127.0.0.1 that it has signed."""
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, cwd=where, stderr=subprocess.DEVNULL)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=test CA", "-days", "2")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "req.pem",
            "-subj", "/CN=127.0.0.1")
    with open(os.path.join(where, "ext"), "w") as f:
        f.write("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "req.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-out",
            "cert.pem", "-days", "2", "-extfile", "ext", "-CAcreateserial")
    return os.path.join(where, "cert.pem"), os.path.join(where, "key.pem")


def serve(handler, cert, key, port_file):
    """Without end, at a port of 127.0.0.1 that stands in PORT_FILE once it listens."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(port_file + ".new", "w") as f:
        f.write("%d\n" % server.server_port)
    os.rename(port_file + ".new", port_file)
    server.serve_forever()


class Handler(http.server.BaseHTTPRequestHandler):
    """What the servers of files have in common; each request is a line of LOG: path, Range."""
    where = None

    def begin_request(self):
        """The first byte that is wanted; notes the request."""
        wanted = self.headers.get("Range", "")
        with open(os.path.join(self.where, "log"), "a") as f:
            f.write("%s %s\n" % (self.path, wanted))
        return int(wanted[len("bytes="):].split("-")[0]) if wanted else 0

    def redirect(self, to):
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def begin(self, data, start):
        """The head of an answer with DATA from byte START on."""
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()

    def send_endless(self):
        """Zeros until nobody reads."""
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(1 << 20))
        except OSError:
            self.close_connection = True

    def log_message(self, *args):
        pass
