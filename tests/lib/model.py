#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A model for tests: speaks the streaming APIs that agents use, and asks for one command.

model.py ADDRESS PORT LOG READY COMMAND: to the first request of a conversation that has
tools it answers with a call of the shell tool that runs COMMAND; to what comes back, with
a text that counts what the person has said. Each request is a line of JSON in LOG; "ready"
goes to READY when it listens.

COMMAND may be @FILE: JSON with a list of {"asked", "commands", "answer"}. Who says a text of
"asked" gets the commands one after the other, each when the one before has come back, and
then the answer.
"""
import http.server
import json
import sys
import threading
import uuid

ADDRESS, PORT, LOG, READY, COMMAND = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
PLAYED = []
if COMMAND.startswith("@"):
    with open(COMMAND[1:], encoding="utf-8") as played:
        PLAYED = json.load(played)
LOCK = threading.Lock()


def unique():
    """Agents take what has the id of something before for the same thing."""
    return uuid.uuid4().hex


def texts(content):
    if isinstance(content, str):
        return [content]
    return [part.get("text", "") for part in content or [] if isinstance(part, dict)]


def has_result(message):
    if message.get("role") == "tool":
        return True
    content = message.get("content")
    return isinstance(content, list) and any(
        part.get("type") == "tool_result" for part in content if isinstance(part, dict))


def shell_tool(tools):
    for tool in tools or []:
        name = tool.get("name") or tool.get("function", {}).get("name", "")
        if name.lower() == "bash":
            return name
    return None


def said(messages):
    """What the person has said; what an agent puts around it is left out."""
    words = [text for m in messages if m.get("role") == "user" and not has_result(m)
             for text in texts(m.get("content"))]
    return [w for w in words if w.startswith("ask:") or part_of(w)]


def part_of(text):
    return next((part for part in PLAYED if text.strip() == part["asked"]), None)


def next_step(messages):
    """The command that is to run now, or None, and else the answer.

    What has come back from tools since the person spoke is counted; agents add words of their
    own."""
    last = max((i for i, m in enumerate(messages) if said([m])), default=len(messages) - 1)
    done = sum(has_result(m) for m in messages[last:])
    words = said(messages)
    part = part_of(words[-1]) if words else None
    commands = part["commands"] if part else [COMMAND]
    answer = part["answer"] if part else f"answer: {len(words)} asked, first {(words or ['-'])[0]}"
    return commands[done] if messages and done < len(commands) else None, answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def event(self, data, name=None):
        text = data if isinstance(data, str) else json.dumps(data)
        chunk = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
        raw = chunk.encode()
        self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
        self.wfile.flush()

    def plain(self, body, status=200):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self.plain({"data": [{"id": "test-model", "object": "model"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        with LOCK, open(LOG, "a", encoding="utf-8") as log:
            log.write(json.dumps({"path": self.path, "body": body}) + "\n")
        if "count_tokens" in self.path:
            return self.plain({"input_tokens": 1})
        messages = body.get("messages", [])
        tool = shell_tool(body.get("tools"))
        command, answer = next_step(messages)
        call = (tool, command) if tool and command else None
        if not body.get("stream"):
            return self.whole(body, answer)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if "chat/completions" in self.path:
            self.openai(call, answer)
        else:
            self.anthropic(call, answer)
        self.wfile.write(b"0\r\n\r\n")
        return None

    def whole(self, body, answer):
        if "chat/completions" in self.path:
            return self.plain({"id": "x", "object": "chat.completion", "model": body.get("model"),
                               "choices": [{"index": 0, "finish_reason": "stop", "message": {
                                   "role": "assistant", "content": answer}}]})
        return self.plain({"id": "msg", "type": "message", "role": "assistant",
                           "model": body.get("model"), "stop_reason": "end_turn",
                           "content": [{"type": "text", "text": answer}],
                           "usage": {"input_tokens": 1, "output_tokens": 1}})

    def openai(self, call, answer):
        def delta(part, finish=None):
            self.event({"id": "x", "object": "chat.completion.chunk", "model": "test-model",
                        "choices": [{"index": 0, "delta": part, "finish_reason": finish}]})

        if call:
            delta({"role": "assistant", "tool_calls": [{
                "index": 0, "id": f"call_{unique()}", "type": "function", "function": {
                    "name": call[0], "arguments": json.dumps({"command": call[1]})}}]})
            delta({}, "tool_calls")
        else:
            delta({"role": "assistant", "content": answer})
            delta({}, "stop")
        self.event("[DONE]")

    def anthropic(self, call, answer):
        self.event({"type": "message_start", "message": {
            "id": f"msg_{unique()}", "type": "message", "role": "assistant", "model": "test-model",
            "content": [], "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1}}},
            "message_start")
        if call:
            block = {"type": "tool_use", "id": f"toolu_{unique()}", "name": call[0], "input": {}}
            part = {"type": "input_json_delta",
                    "partial_json": json.dumps({"command": call[1], "description": "make it"})}
        else:
            block = {"type": "text", "text": ""}
            part = {"type": "text_delta", "text": answer}
        self.event({"type": "content_block_start", "index": 0, "content_block": block},
                   "content_block_start")
        self.event({"type": "content_block_delta", "index": 0, "delta": part},
                   "content_block_delta")
        self.event({"type": "content_block_stop", "index": 0}, "content_block_stop")
        self.event({"type": "message_delta", "usage": {"output_tokens": 1}, "delta": {
            "stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}},
            "message_delta")
        self.event({"type": "message_stop"}, "message_stop")


server = http.server.ThreadingHTTPServer((ADDRESS, PORT), Handler)
server.daemon_threads = True
with open(READY, "w", encoding="utf-8") as ready:
    ready.write("ready\n")
server.serve_forever()
