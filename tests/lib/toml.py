# SPDX-License-Identifier: GPL-2.0-or-later
"""The loader beside another reader of TOML 1.0: COI SCRATCH. A verdict a line, tab-separated."""

import json
import os
import random
import subprocess
import sys
import tomllib

COI, SCRATCH = sys.argv[1:]
HOME_FILE = os.path.join(os.environ["HOME"], ".coi", "config.toml")
RUNS = int(os.environ.get("COI_FUZZ_RUNS", "600"))


def coi(*words):
    return subprocess.run([COI, *words], stdin=subprocess.DEVNULL, capture_output=True)


def verdict(name, complaints):
    lines = [str(c) for c in complaints if c]
    if lines:
        text = "; ".join(lines[:10]).replace("\t", "\\t").replace("\n", "\\n")
        print("not ok", name, text, sep="\t")
    else:
        print("ok", name, sep="\t")


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def peer_accepts(data):
    try:
        # A byte order mark is no part of the text.
        tomllib.loads(data.decode("utf-8").removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False
    return True


def ours_accepts(data):
    path = os.path.join(SCRATCH, "probe.toml")
    write(path, data)
    answer = json.loads(coi("validate", "config", "--format", "json", path).stdout)
    return not any(e["path"] == "(root)" for e in answer["errors"])


# ---- values

STRINGS = (
    r'"plain"', r'""', r"''", r'"\b\t\n\f\r\"\\"', r'"\u00e9\U0001F600"', r"'C:\new\x'",
    '"""\nfirst\nsecond"""', '"""one \\\n   two"""', '"""a""b"""', '"""a\\"""b"""', '""""quoted""""',
    "'''\nno \\escape'''", "'''it''s'''", "''''quoted''''", '"# no comment"', '"é"', '"tab\there"',
    '"""a\r\nb"""', r'"\u0041"', r'"]"', '"""\\\n\n\n   x"""', "'''\n\n'''", '"{ = }"',
)
NUMBERS = ("30", "+30", "0x1e", "0X1E".lower(), "0o36", "0b11110", "3_0", "0x1_e", "60", "3600")
FLOATS = ("50.0", "5e1", "5E+1", "50", "5_0.0", "+5.0e1", "0.5e-2", "1e0")
ARRAYS = (
    '["A"]', '[ "A", "B" ]', '["A",]', '[\n"A",\n"B"\n]', '[\n# one\n"A", # two\n]', "['A', \"B\"]",
    "[]", "[ ]", '["""A""", \'\'\'B\'\'\']', '[\r\n"A"\r\n]',
)


def loaded(text):
    """What coi holds after reading it, as TOML; None when it does not."""
    write(HOME_FILE, text.encode("utf-8"))
    done = coi("config", "show", "--secrets")
    return tomllib.loads(done.stdout.decode("utf-8")) if done.returncode == 0 else None


def check_values(name, path, literals):
    complaints = []
    for literal in literals:
        text = f"{path} = {literal}\n"
        got, want = loaded(text), tomllib.loads(text)
        for part in path.split("."):
            got = (got or {}).get(part)
            want = want[part]
        if got != want:
            complaints.append(f"{literal!r} is {got!r}, not {want!r}")
    verdict(f"{name}: {len(literals)} forms", complaints)


# ---- whole texts

TEXTS = (
    b"\xef\xbb\xbfa = 1\n", b"a = 1", b"a = 1\r\n", b"a = 1\rb = 2\n", b"\n\n\n", b"", b"#", b"# x\r\n",
    b"# \x01\n", b"# \x7f\n", b"# \xc3\xa9\n", b"a.b.c = 1\na.b.d = 2\n", b"a.b = 1\n[a]\nc = 1\n",
    b"[a.b]\n[a]\n", b"[a]\n[a.b]\n[a]\n", b"[[a]]\n[a.b]\n[[a]]\n[a.b]\n", b"a = []\n[[a]]\n",
    b"[[a]]\n[a]\n", b"[a]\n[[a]]\n", b"a = {}\n[a.b]\n", b"a = {b = 1}\na.c = 2\n", b"a = {b = 1,}\n",
    b"a = {\nb = 1}\n", b"a = {b.c = 1, b.d = 2}\n", b"a = {b = 1, b.c = 2}\n", b"[a]\nb.c = 1\n[a.b]\n",
    b"[a]\nb.c = 1\n[a.b.d]\n", b'"" = 1\n', b"'' = 1\n", b" = 1\n", b'"""a""" = 1\n', b"a b = 1\n",
    b"1 = 1\n1.2 = 2\n", b"-_ = 1\n", b"\xc3\xa9 = 1\n", b'"\xc3\xa9" = 1\n', b"a = 1979-05-27\n",
    b"a = 1979-05-27T07:32:00Z\n", b"a = 1979-05-27 07:32:00.999-07:00\n", b"a = 07:32:00\n",
    b"a = 1979-02-30\n", b"a = 25:00:00\n", b"a = inf\nb = -inf\nc = nan\n", b"a = .5\n", b"a = 5.\n",
    b"a = 1__0\n", b"a = _1\n", b"a = 1_\n", b"a = 00\n", b"a = +0x1\n", b"a = 0x\n", b"a = 0b2\n",
    b"a = True\n", b"a = true false\n", b'a = "\\x41"\n', b'a = "\\u004"\n', b'a = "\\ud800"\n',
    b'a = "\\U00110000"\n', b'a = "\n"\n', b'a = """"""\n', b'a = """"""""\n', b'a = """\\ \n x"""\n',
    b"a = '\t'\n", b"a = '\x01'\n", b'a = "\x7f"\n', b"a = [1 2]\n", b"a = [,]\n", b"a = [1,,2]\n",
    b"a = [[1], ['x']]\n", b"a = [{}, {b = []}]\n", b"[]\n", b"[a.]\n", b"[ a . 'b' ]\n", b"[a] x = 1\n",
    b"[[a]\n", b"[a]]\n", b"[ [a] ]\n", b"a = 1 # x\n", b"a = 1 b\n", b"a\n", b"a =\n", b"a == 1\n",
    b"\xe2\x80\xa8a = 1\n", b"a\xc2\xa0= 1\n", b"a = 1\x0b\n", b"a = 1\x0c\n", b"\x00", b"a = \x00\n",
    b"a = \xff\n", b'a = "\xed\xa0\x80"\n', b'a = "\xc0\x80"\n', b"a = 1e\n", b"a = 1.e1\n", b"a = 1.0.0\n",
)
PIECES = (
    "[", "]", "[[", "]]", "{", "}", "=", " = ", ".", ",", '"', "'", '"""', "'''", "\n", "\n", "\r\n", "#",
    "# c\n", "a", "b", "a.b", "c", " ", "\t", "1", "0", "-1", "1.5", "0x1f", "1e3", "inf", "true", "\"x\"",
    "'y'", "[1, 2]", "{a = 1}", "{}", "[]", "a = 1\n", "b.c = \"x\"\n", "[a]\n", "[a.b]\n", "[[c]]\n",
    "1979-05-27", "07:32:00", "T", "Z", "\\", "\\n", "\\u00e9", "é", "_", "+", "\x7f",
)


def compare(data):
    peer, ours = peer_accepts(data), ours_accepts(data)
    return "" if peer == ours else f"{data!r}: {'taken' if ours else 'refused'}"


def chance_texts():
    rng = random.Random(20261129)
    for _ in range(RUNS):
        text = "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 14)))
        yield text.encode("utf-8")
    good = ("a = 1\nb = [1, 2]\n[c]\nd = \"x\"\ne.f = 'y'\n[[g]]\nh = {i = 1, j = [true]}\n"
            "[[g]]\nk = \"\"\"\nl\n\"\"\"\n")
    for _ in range(RUNS):
        at = rng.randrange(len(good))
        yield (good[:at] + rng.choice(PIECES) + good[at + rng.randrange(3):]).encode("utf-8")


def main():
    os.makedirs(os.path.dirname(HOME_FILE), exist_ok=True)
    check_values("strings", "defaults.environment.A", STRINGS)
    check_values("integers", "container.shutdown_timeout", NUMBERS)
    check_values("numbers", "monitoring.file_read_threshold_mb", FLOATS)
    check_values("arrays", "defaults.forward_env", ARRAYS)
    check_values("truths", "container.persistent", ("true", "false"))
    verdict(f"what TOML takes and refuses: {len(TEXTS)} texts", [compare(t) for t in TEXTS])
    verdict(f"texts by chance: {2 * RUNS}", [compare(t) for t in chance_texts()])


main()
