#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""release-server.py DIRECTORY FILES: serves the files of directory FILES over TLS.

CA, certificates, port and log in DIRECTORY as serve.py has them. What the file
DIRECTORY/mode says is done with each file whose name matches its second word:

  cut PATTERN    a third of the file a request    plain PATTERN  redirects to http
  half PATTERN   never more than half of it       none PATTERN   404
  endless PATTERN  zeros until nobody reads       odd PATTERN    redirects to a host whose
                                                                 name moves the cursor
"""
import fnmatch
import os
import sys

sys.dont_write_bytecode = True
import serve  # noqa: E402

where, files = sys.argv[1:]


class Handler(serve.Handler):
    where = where

    def do_GET(self):
        name = self.path.lstrip("/")
        start = self.begin_request()
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
        elif mode == "plain":
            self.redirect("http://127.0.0.1:%d/%s" % (self.server.server_port, name))
        elif mode == "odd":
            self.redirect("https://a\x9b2J\x1b[2Jb.invalid/")
        elif mode == "endless":
            self.send_endless()
        else:
            with open(path, "rb") as f:
                data = f.read()
            self.begin(data, start)
            ends = {"cut": start + len(data) // 3 + 1, "half": max(start, len(data) // 2)}
            self.wfile.write(data[start:ends.get(mode, len(data))])
            self.close_connection = True


serve.serve(Handler, *serve.authority(where), os.path.join(where, "port"))
