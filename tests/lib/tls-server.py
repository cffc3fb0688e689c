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
import os
import sys
import time

sys.dont_write_bytecode = True
import serve  # noqa: E402

where, path = sys.argv[1:]
with open(path, "rb") as f:
    data = f.read()


class Handler(serve.Handler):
    where = where
    deaf_before = False

    def do_GET(self):
        start = self.begin_request()
        if self.path == "/ok":
            self.begin(data, start)
            self.wfile.write(data[start:])
        elif self.path == "/cut":
            self.begin(data, start)
            self.wfile.write(data[start:start + len(data) // 3 + 1])
            self.close_connection = True
        elif self.path == "/slow":
            self.begin(data, start)
            for at in range(start, len(data), len(data) // 10 + 1):
                self.wfile.write(data[at:at + len(data) // 10 + 1])
                time.sleep(0.1)
        elif self.path == "/deaf":
            self.begin(data, 0)
            self.wfile.write(data if Handler.deaf_before else data[:len(data) // 2])
            Handler.deaf_before = True
            self.close_connection = True
        elif self.path == "/endless":
            self.send_endless()
        elif self.path in ("/moved", "/loop"):
            self.redirect("/ok" if self.path == "/moved" else "/loop")
        elif self.path == "/plain":
            self.redirect("http://127.0.0.1:%d/ok" % self.server.server_port)
        else:
            self.send_error(404)


serve.serve(Handler, *serve.authority(where), os.path.join(where, "port"))
