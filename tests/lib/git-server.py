#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
git-server.py DIRECTORY CERT KEY PORT-FILE: the repositories in DIRECTORY by https, through
git's own program for that. What is below /moved/ is said to be on another host.
"""
import http.server
import os
import subprocess
import sys

sys.dont_write_bytecode = True
import serve  # noqa: E402

directory, cert, key, port_file = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        path, _, query = self.path.partition("?")
        if path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", "https://localhost:%d%s" % (self.server.server_port, self.path[6:]))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": directory,
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        words = ["git", "-c", "safe.directory=*", "-c", "uploadpack.allowFilter=true", "http-backend"]
        said = subprocess.run(words, input=body, env=env, stdout=subprocess.PIPE, check=False).stdout
        head, _, rest = said.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        status = [value for name, value in fields if name == "Status"]
        self.send_response(int(status[0].split()[0]) if status else 200)
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


serve.serve(Handler, cert, key, port_file)
