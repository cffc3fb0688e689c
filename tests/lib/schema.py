# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure coi's JSON Schemas: COI SOURCE SCRATCH. A verdict a line, tab-separated."""

import json
import os
import re
import subprocess
import sys
import tomllib

import jsonschema

COI, SOURCE, SCRATCH = sys.argv[1:]
KINDS = ("config", "profile")


def coi(*words):
    return subprocess.run([COI, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def verdict(name, complaints):
    """Passed when there is none."""
    lines = [str(c) for c in complaints if c]
    if lines:
        print("not ok", name, "; ".join(lines).replace("\t", " ").replace("\n", " "), sep="\t")
    else:
        print("ok", name, sep="\t")


def pointer(path):
    return "/" + "/".join(str(p) for p in path)


class Schema:
    def __init__(self, kind):
        self.kind = kind
        self.document = json.loads(coi("schema", kind).stdout)
        self.validator = jsonschema.Draft202012Validator(self.document)

    def complaints(self, text):
        """What the validator says: where, and what."""
        return [f"{pointer(e.absolute_path)}: {e.message[:200]}"
                for e in self.validator.iter_errors(tomllib.loads(text))]

    def refused(self, text):
        """Keys of the root that the validator refuses something below."""
        found = set()
        for e in self.validator.iter_errors(tomllib.loads(text)):
            path = [p for p in e.absolute_path if isinstance(p, str)]
            if e.validator == "additionalProperties":
                extra = set(e.instance) - set(e.schema.get("properties", {}))
                found |= {pointer(path + [x]) for x in extra}
            found.add(pointer(path))
        return found

    def leaves(self, at=None, path=()):
        """Path and schema of each setting."""
        for key, value in (at or self.document)["properties"].items():
            if "properties" in value:
                yield from self.leaves(value, path + (key,))
            else:
                yield path + (key,), value


def loader(kind, text):
    """What coi validate says: where -> what."""
    path = os.path.join(SCRATCH, "probe.toml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    done = coi("validate", kind, "--format", "json", path)
    answer = json.loads(done.stdout)
    assert (done.returncode == 0) == answer["valid"]
    return answer


def both_accept(schema, text):
    answer = loader(schema.kind, text)
    return schema.complaints(text) + [f"{e['path']}: {e['message']}" for e in answer["errors"]]


def uncommented(text):
    """A starter file with each key taken out of its comment; arrays of tables stand last."""
    text = text.split("\n# [[")[0]
    return re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.M)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def check_what_coi_writes(schemas):
    home = os.environ["HOME"]
    for words, kind, path in (
            (("create", "default"), "config", ".coi/config.toml"),
            (("create", "full", "--full"), "profile", ".coi/profiles/full/config.toml"),
            (("create", "short", "--inherits", "hardened", "--image", "x", "--persistent"),
             "profile", ".coi/profiles/short/config.toml")):
        done = coi("profile", *words)
        name = "profile " + " ".join(words)
        if done.returncode:
            verdict(name, [done.stderr])
            continue
        text = read(os.path.join(home, path))
        verdict(f"what '{name}' writes is valid", both_accept(schemas[kind], text))
        if "short" in words:
            continue
        live = uncommented(text)
        count = len(list(schemas[kind].leaves()))
        keys = len(re.findall(r"^[a-z_]+ = ", live, flags=re.M))
        verdict(f"what '{name}' writes is valid with all keys in force",
                both_accept(schemas[kind], live) +
                ([] if keys > count * 0.8 else [f"{keys} of {count} keys"]))
        os.unlink(os.path.join(home, path))
    shown = coi("config", "show", "--all", "--secrets").stdout
    verdict("what 'config show --all' prints is valid", both_accept(schemas["config"], shown))


def literal_blocks(page):
    """The displays of a manual page, as typed."""
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", read(page), flags=re.M | re.S):
        yield (block.replace("\\&", "").replace("\\-", "-").replace("\\(dq", '"')
               .replace("\\e", "\\"))


def check_documents(schemas):
    count = 0
    for kind in KINDS:
        page = os.path.join(SOURCE, "docs", f"coi-{kind}.5")
        for number, text in enumerate(literal_blocks(page), 1):
            verdict(f"example {number} of coi-{kind}(5) is valid", both_accept(schemas[kind], text))
            count += 1
    for name in ("README.md", "SECURITY.md", "ARCHITECTURE.md"):
        for number, text in enumerate(re.findall(r"^```toml\n(.*?)^```", read(
                os.path.join(SOURCE, name)), flags=re.M | re.S), 1):
            verdict(f"example {number} of {name} is valid", both_accept(schemas["config"], text))
    verdict("there are examples", [] if count >= 4 else [f"{count}"])


# ---- key by key

def types_of(leaf):
    kinds = leaf.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def toml(value):
    """A value as TOML; floats keep their point."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=True)


def good_values(leaf):
    if "default" in leaf:
        yield leaf["default"]
    yield from leaf.get("enum", [])
    for end in ("minimum", "maximum"):
        if end in leaf:
            yield leaf[end]
    if "array" in types_of(leaf):
        yield []
    if "object" in types_of(leaf):
        yield {}


def bad_texts(leaf):
    if "pattern" in leaf:
        texts = ("!", " ", "a b", "\x01", "/../", "é", "-", "x" * 30 + "\n", "/")
        yield from [t for t in texts if not re.search(leaf["pattern"], t)][:3]
    if "maxLength" in leaf:
        yield "a" * (leaf["maxLength"] + 1)


FILE_MAX = 1 << 20  # as src/config/toml.h has it
SAMPLES = {"host": "/x", "container": "/x", "name": "x", "ip": "192.0.2.1", "hostnames": ["a"]}


def bad_items(items):
    """Arrays of one table that has one thing wrong."""
    needed = {key: items["properties"][key].get("minimum", SAMPLES.get(key))
              for key in items.get("required", [])}
    yield [dict(needed, **{"no-such-key": 1})]
    for key in needed:
        yield [{k: v for k, v in needed.items() if k != key}]
        if items["properties"][key]["type"] == "string":
            yield [dict(needed, **{key: ""})]
    for key, field in items["properties"].items():
        for value in bad_values(field["anyOf"][0] if "anyOf" in field else field):
            yield [dict(needed, **{key: value})]


def bad_values(leaf):
    kinds = types_of(leaf)
    samples = {"string": "x", "integer": 1, "number": 1.5, "boolean": True, "array": [True],
               "object": {"a b": 1}}
    for kind, value in samples.items():
        if kind == "integer" and "number" in kinds:
            continue
        if kind not in kinds or kind in ("array", "object"):
            yield value
    if "enum" in leaf:
        yield "no-such"
        yield leaf["enum"][-1].upper() + "X"
    if "minimum" in leaf:
        yield leaf["minimum"] - 1
        yield leaf["maximum"] + 1
    if "string" in kinds:
        yield from bad_texts(leaf)
    if "array" in kinds:
        items = leaf.get("items", {})
        if "properties" in items:
            yield from bad_items(items)
        else:
            yield from ([t] for t in bad_texts(items))
            yield [[]]
    if "object" in kinds and "propertyNames" in leaf:
        yield {"": "x"}
        yield {"a": 1}


def written(probes):
    """One file that says each: dotted keys, since a section may stand only once."""
    return "".join(f"{'.'.join(path)} = {toml(value)}\n" for path, value in probes)


def rounds(leaves, values):
    """The first value of each key, then the second, …, in files that are not too long."""
    all_values = [(path, list(values(leaf))) for path, leaf in leaves]
    for i in range(max(len(v) for _, v in all_values)):
        probes, size = [], 0
        for path, v in all_values:
            if i >= len(v):
                continue
            probes.append((path, v[i]))
            size += len(written(probes[-1:]))
            if size > FILE_MAX // 2:
                yield i, probes
                probes, size = [], 0
        yield i, probes


def check_keys(schema):
    leaves = list(schema.leaves())
    complaints, count = [], 0
    # What 0.9 read and coi only names is no part of it.
    for i, probes in rounds(leaves, good_values):
        text = written(probes)
        count += len(probes)
        complaints += both_accept(schema, text)
    verdict(f"schema {schema.kind}: what it allows is taken ({count} values)",
            complaints + ([] if count > 150 else ["too few"]))
    complaints, count = [], 0
    for i, probes in rounds(leaves, bad_values):
        text = written(probes)
        refused = schema.refused(text)
        told = {e["path"] for e in loader(schema.kind, text)["errors"]}
        count += len(probes)
        for path, value in probes:
            where = pointer(path)
            shown = f"{where} = {toml(value)[:60]}"
            if not any(r == where or r.startswith(where + "/") for r in refused):
                complaints.append(f"the schema allows {shown}")
            if not any(t == where or t.startswith(where + "/") for t in told):
                complaints.append(f"the loader takes {shown}")
    verdict(f"schema {schema.kind}: what it refuses the loader refuses too ({count} values)",
            complaints + ([] if count > 500 else ["too few"]))
    complaints = []
    sections = {path[:n] for path, _ in leaves for n in range(len(path))}
    text = written([(section + ("no_such_key",), 1) for section in sections])
    refused = schema.refused(text)
    told = {e["path"] for e in loader(schema.kind, text)["errors"]}
    for section in sections:
        where = pointer(section + ("no_such_key",))
        complaints += [] if where in refused else [f"the schema allows {where}"]
        complaints += [] if where in told else [f"the loader takes {where}"]
    verdict(f"schema {schema.kind}: unknown keys are refused in every section", complaints)


def check_corpus(schemas):
    """What the loader takes without a word the schema allows."""
    folder = os.path.join(SOURCE, "tests", "fuzz", "config")
    count = 0
    complaints = []
    for name in sorted(os.listdir(folder)):
        try:
            text = read(os.path.join(folder, name))
            tomllib.loads(text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            continue
        for kind in KINDS:
            answer = loader(kind, text)
            if answer["valid"] and not any("is written" in w["message"] or "new place" in w["message"]
                                           for w in answer["warnings"]):
                count += 1
                complaints += [f"{name}: {c}" for c in schemas[kind].complaints(text)]
    verdict(f"the fuzzer's corpus: what the loader takes is valid ({count} files)",
            complaints + ([] if count >= 5 else ["too few"]))


def main():
    schemas = {}
    for kind in KINDS:
        schemas[kind] = Schema(kind)
        try:
            jsonschema.Draft202012Validator.check_schema(schemas[kind].document)
            verdict(f"schema {kind} is a JSON Schema", [])
        except jsonschema.SchemaError as e:
            verdict(f"schema {kind} is a JSON Schema", [e])
    check_what_coi_writes(schemas)
    check_documents(schemas)
    for kind in KINDS:
        check_keys(schemas[kind])
    check_corpus(schemas)


main()
