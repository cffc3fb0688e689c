#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""OCI images: good ones, hostile ones, and a model of what layers mean.

  oci.py list                     name and expected message of the hostile ones
  oci.py make NAME DIR TARGET     write hostile layout NAME to DIR; it aims at TARGET
  oci.py good DIR [OPTION…]       a layout with an image of three layers
       --packed=gzip|xz|zstd|none   how its layers are packed
       --platforms=A,B              an index with one image for each (linux/amd64, …)
       --nested                     the index in another one
       --names=A,B                  several images, each with another file in it
       --docker[=old|new]           what docker save writes
  oci.py random DIR SEED          a layout of random layers, and DIR.model: what the
                                  tree has to be (as `oci.py tree` writes it)
  oci.py tree DIR                 what is in a directory, one line each
"""
import gzip
import hashlib
import io
import json
import lzma
import os
import random
import stat
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hostile import END, file, folder, hardlink, header, pax, symlink  # noqa: E402

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def machine():
    m = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(m, m)


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def pack(data, how):
    if how == "gzip":
        return gzip.compress(data, 1, mtime=0)
    if how == "xz":
        return lzma.compress(data, preset=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-1", "-c"], input=data, stdout=subprocess.PIPE,
                              check=True).stdout
    return data


class Layout:
    def __init__(self, top):
        self.top = top
        os.makedirs(os.path.join(top, "blobs/sha256"), exist_ok=True)
        self.write("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        self.manifests = []

    def write(self, name, data):
        path = os.path.join(self.top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)

    def blob(self, data, kind, **more):
        digest = sha(data)
        self.write("blobs/sha256/" + digest[7:], data)
        return {"mediaType": kind, "digest": digest, "size": len(data), **more}

    def json(self, doc, kind, **more):
        return self.blob(json.dumps(doc).encode(), kind, **more)

    def image(self, layers, packed="gzip", arch=None, variant=None, config=None, diff_ids=None,
              os_name="linux", kind=LAYER, change=None):
        """Layers are archives; returns the descriptor of the manifest."""
        blobs = [self.blob(pack(data, packed), kind + ("" if packed == "none" else "+" + (
            "gzip" if packed == "xz" else packed))) for data in layers]
        doc = {
            "created": "2024-03-01T10:20:30.123456789Z", "architecture": arch or machine(),
            "os": os_name, "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids or [sha(d) for d in layers]},
            "history": [],
        }
        if variant:
            doc["variant"] = variant
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.json(doc, CONFIG),
                    "layers": blobs}
        if change:
            change(manifest)
        return self.json(manifest, MANIFEST)

    def add(self, descriptor, name=None, platform=None):
        d = dict(descriptor)
        if name:
            d["annotations"] = {"org.opencontainers.image.ref.name": name}
        if platform:
            parts = platform.split("/")
            d["platform"] = {"os": parts[0], "architecture": parts[1]}
            if len(parts) > 2:
                d["platform"]["variant"] = parts[2]
        self.manifests.append(d)
        return d

    def done(self, doc=None):
        doc = doc or {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests}
        self.write("index.json", doc if isinstance(doc, bytes) else json.dumps(doc).encode())


# ---- good ones ----

RUN = {
    "Env": ["PATH=/opt/bin:/usr/bin:/bin", "GREETING=hello world", "NO_VALUE"],
    "Cmd": ["-c", "true"], "Entrypoint": ["/bin/sh"], "User": "1000:1000", "WorkingDir": "/srv",
    "Labels": {"org.opencontainers.image.description": "three layers"},
}


def three_layers(mark=b"x\n"):
    base = (folder("./") + folder("etc/") + file("etc/passwd", b"root:x:0:0::/:/bin/sh\n") +
            file("etc/os-release", b"ID=layered\nVERSION_ID=3\n") + folder("var/") +
            folder("var/lib/", mode=0o2750, uid=7, gid=8) + file("var/lib/old", b"old\n") +
            file("var/lib/kept", b"kept\n") + folder("opt/") + folder("opt/a/") +
            file("opt/a/one", b"1\n") + file("opt/a/two", b"2\n") + symlink("lib", "usr/lib") +
            folder("usr/") + folder("usr/lib/") + END)
    second = (file("var/lib/.wh.old", b"") + file("var/lib/new", mark) + folder("opt/a/") +
              file("opt/a/.wh..wh..opq", b"") + file("opt/a/three", b"3\n") +
              file("lib/module", b"through a link\n") + END)
    third = hardlink("var/lib/linked", "var/lib/kept") + file("etc/.wh.passwd", b"") + \
        folder("etc/passwd/") + END
    return [base, second, third]


def good(top, *options):
    opts = dict((o[2:].split("=", 1) + ["yes"])[:2] for o in options)
    docker = opts.get("docker")
    packed = opts.get("packed", "none" if docker else "gzip")
    if docker == "old":
        return docker_old(top, opts)
    lay = Layout(top)
    if "platforms" in opts:
        inner = []
        for p in opts["platforms"].split(","):
            parts = p.split("/")
            d = lay.image(three_layers(p.encode() + b"\n"), packed, arch=parts[1], config=RUN,
                          variant=parts[2] if len(parts) > 2 else None, os_name=parts[0])
            inner.append(lay.add(d, platform=p))
        if "nested" in opts:
            doc = {"schemaVersion": 2, "mediaType": INDEX, "manifests": inner}
            lay.manifests = []
            lay.add(lay.json(doc, INDEX), name="multi")
    else:
        for name in opts.get("names", "latest").split(","):
            lay.add(lay.image(three_layers(name.encode() + b"\n"), packed, config=RUN), name=name)
    lay.done()
    if docker:
        write_docker_manifest(lay, opts)
    return None


def write_docker_manifest(lay, opts):
    entries = []
    for d in lay.manifests:
        with open(os.path.join(lay.top, "blobs/sha256", d["digest"][7:]), "rb") as f:
            m = json.load(f)
        entries.append({
            "Config": "blobs/sha256/" + m["config"]["digest"][7:],
            "RepoTags": ["me/thing:" + d["annotations"]["org.opencontainers.image.ref.name"]],
            "Layers": ["blobs/sha256/" + b["digest"][7:] for b in m["layers"]]})
    lay.write("manifest.json", json.dumps(entries).encode())


def docker_old(top, opts):
    entries = []
    os.makedirs(top, exist_ok=True)
    for name in opts.get("names", "latest").split(","):
        layers, paths = three_layers(name.encode() + b"\n"), []
        for data in layers:
            path = hashlib.sha256(b"id" + data).hexdigest() + "/layer.tar"
            os.makedirs(os.path.join(top, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(top, path), "wb") as f:
                f.write(data)
            paths.append(path)
        config = json.dumps({
            "created": "2024-03-01T10:20:30Z", "architecture": machine(), "os": "linux",
            "config": RUN, "rootfs": {"type": "layers", "diff_ids": [sha(d) for d in layers]},
        }).encode()
        entries.append({"Config": sha(config)[7:] + ".json", "RepoTags": ["me/thing:" + name],
                        "Layers": paths})
        with open(os.path.join(top, entries[-1]["Config"]), "wb") as f:
            f.write(config)
    with open(os.path.join(top, "manifest.json"), "w") as f:
        json.dump(entries, f)


# ---- hostile ones ----

CASES = {}


def case(name, message):
    def add(fn):
        CASES[name] = (message, fn)
        return fn
    return add


def layers_case(name, message):
    """The function gives the layers on top of a good one."""
    def add(fn):
        def make(lay, target):
            base = folder("./") + folder("etc/") + file("etc/x") + END
            lay.add(lay.image([base] + fn(target)))
            lay.done()
        CASES[name] = (message, make)
        return fn
    return add


BASE = [folder("./") + folder("etc/") + file("etc/x") + END]


def flip(path):
    with open(path, "r+b") as f:
        f.seek(20)
        b = f.read(1)
        f.seek(20)
        f.write(bytes([b[0] ^ 1]))


def blob_path(lay, descriptor):
    return os.path.join(lay.top, "blobs/sha256", descriptor["digest"][7:])


def manifest_of(lay, d):
    with open(blob_path(lay, d), "rb") as f:
        return json.load(f)


@case("layer-of-another-digest", "has another SHA-256 than it should have")
def _(lay, target):
    d = lay.add(lay.image(BASE))
    lay.done()
    flip(blob_path(lay, manifest_of(lay, d)["layers"][0]))


@case("layer-longer", r"bytes, not")
def _(lay, target):
    d = lay.add(lay.image(BASE))
    lay.done()
    with open(blob_path(lay, manifest_of(lay, d)["layers"][0]), "ab") as f:
        f.write(b"\0")


@case("layer-missing", "is missing")
def _(lay, target):
    d = lay.add(lay.image(BASE))
    lay.done()
    os.unlink(blob_path(lay, manifest_of(lay, d)["layers"][0]))


@case("layer-is-a-fifo", "is no file")
def _(lay, target):
    d = lay.add(lay.image(BASE))
    lay.done()
    path = blob_path(lay, manifest_of(lay, d)["layers"][0])
    os.unlink(path)
    os.mkfifo(path)


@case("layer-is-a-link-out", "is missing")
def _(lay, target):
    d = lay.add(lay.image(BASE))
    lay.done()
    path = blob_path(lay, manifest_of(lay, d)["layers"][0])
    with open(path, "rb") as f:
        data = f.read()
    os.unlink(path)
    # The very bytes that are asked for, but outside of the layout.
    os.makedirs(os.path.join(os.path.dirname(lay.top), "outside"), exist_ok=True)
    outside = os.path.join(os.path.dirname(lay.top), "outside", "layer")
    with open(outside, "wb") as f:
        f.write(data)
    os.symlink(outside, path)


@case("diff-id-of-another", "than the image's config says")
def _(lay, target):
    lay.add(lay.image(BASE, diff_ids=[sha(b"something else")]))
    lay.done()


@case("manifest-of-another-digest", "has another SHA-256|no JSON")
def _(lay, target):
    d = lay.add(lay.image(BASE))
    lay.done()
    flip(blob_path(lay, d))


@case("config-of-another-digest", "has another SHA-256|no JSON")
def _(lay, target):
    d = lay.add(lay.image(BASE))
    lay.done()
    flip(blob_path(lay, manifest_of(lay, d)["config"]))


@case("manifest-longer", "not as long as it should be")
def _(lay, target):
    d = lay.add(lay.image(BASE))
    lay.done()
    with open(blob_path(lay, d), "ab") as f:
        f.write(b" ")


@case("index-no-json", "is no JSON")
def _(lay, target):
    lay.done(b"{ not json")


@case("index-of-five-megabytes", "is too large")
def _(lay, target):
    lay.done(b'{"manifests": [' + b"1," * (5 << 19) + b"1]}")


@case("index-nested-a-thousandfold", "is no JSON|lists no images")
def _(lay, target):
    lay.done(b'{"manifests":' * 100000)


@case("indexes-in-indexes", "nested too deeply")
def _(lay, target):
    d = lay.image(BASE)
    for _i in range(8):
        d = lay.json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [d]}, INDEX)
    lay.add(d)
    lay.done()


@case("index-empty", "holds no image")
def _(lay, target):
    lay.done()


@case("thousand-images", "more than 256 images")
def _(lay, target):
    d = lay.image(BASE)
    lay.manifests = [d] * 1000
    lay.done()


@case("digest-with-a-path", "is no SHA-256")
def _(lay, target):
    d = lay.image(BASE)
    d["digest"] = "sha256:../../../../../../../../" + target.lstrip("/") + "/precious"
    lay.add(d)
    lay.done()


@case("digest-of-another-kind", "is no SHA-256")
def _(lay, target):
    d = lay.image(BASE)
    d["digest"] = "sha512:" + "0" * 128
    lay.add(d)
    lay.done()


@case("layer-of-another-kind", "is of the kind 'application/x-evil'")
def _(lay, target):
    def change(m):
        m["layers"][0]["mediaType"] = "application/x-evil"
    lay.add(lay.image(BASE, change=change))
    lay.done()


@case("layer-encrypted", r"gzip\+encrypted', which is not read")
def _(lay, target):
    def change(m):
        m["layers"][0]["mediaType"] += "+encrypted"
    lay.add(lay.image(BASE, change=change))
    lay.done()


@case("fewer-layers-than-said", "names 1 layers and its config 2")
def _(lay, target):
    lay.add(lay.image(BASE, diff_ids=[sha(BASE[0])] * 2))
    lay.done()


@case("no-layers", "names no layers")
def _(lay, target):
    lay.add(lay.image([]))
    lay.done()


@case("too-many-layers", "it has 301 layers")
def _(lay, target):
    empty = bytes(1024)
    lay.add(lay.image([empty] * 301))
    lay.done()


@case("artifact", "it is no image but 'application/vnd.x'")
def _(lay, target):
    def change(m):
        m["config"]["mediaType"] = "application/vnd.x"
    lay.add(lay.image(BASE, change=change))
    lay.done()


@case("for-windows", "for 'windows', not for linux")
def _(lay, target):
    lay.add(lay.image(BASE, os_name="windows"))
    lay.done()


@case("layout-of-the-future", "version '9.0.0'")
def _(lay, target):
    lay.add(lay.image(BASE))
    lay.done()
    lay.write("oci-layout", b'{"imageLayoutVersion": "9.0.0"}')


@case("environment-of-a-megabyte", "Env of its config is longer")
def _(lay, target):
    lay.add(lay.image(BASE, config={"Env": ["A%d=x" % i for i in range(200000)]}))
    lay.done()


@case("environment-of-numbers", "Env of its config is no list of texts")
def _(lay, target):
    lay.add(lay.image(BASE, config={"Env": [1, 2]}))
    lay.done()


@case("same-key-twice", "is no JSON")
def _(lay, target):
    lay.add(lay.image(BASE))
    lay.done(b'{"schemaVersion":2,"manifests":[],"manifests":[]}')


@case("environment-of-controls", "are longer than 128 KiB together")
def _(lay, target):
    lay.add(lay.image(BASE, config={"Env": ["\x01" * 16000], "Cmd": ["\x01" * 16000]}))
    lay.done()


@case("index-a-thousand-times", "names more than 256 indexes")
def _(lay, target):
    d = lay.image(BASE)
    d["platform"] = {"os": "unknown", "architecture": "unknown"}
    for _i in range(3):
        d = lay.json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [d] * 5000}, INDEX)
    lay.add(d)
    lay.done()


@case("several-without-a-name", "holds several images")
def _(lay, target):
    lay.add(lay.image(BASE))
    lay.add(lay.image(BASE + [file("etc/y") + END]))
    lay.done()


@case("only-for-others", "holds no image for linux/.*, only for linux/s390x, linux/riscv64")
def _(lay, target):
    lay.add(lay.image(BASE, arch="s390x"), platform="linux/s390x")
    lay.add(lay.image(BASE, arch="riscv64"), platform="linux/riscv64")
    lay.done()


def docker_case(name, message):
    def add(fn):
        def make(lay, target):
            os.unlink(os.path.join(lay.top, "oci-layout"))
            config = json.dumps({"architecture": machine(), "os": "linux", "rootfs": {
                "type": "layers", "diff_ids": [sha(BASE[0])]}}).encode()
            lay.write("c.json", config)
            lay.write("l/layer.tar", BASE[0])
            entry = {"Config": "c.json", "RepoTags": ["a:b"], "Layers": ["l/layer.tar"]}
            fn(lay, target, entry)
            lay.write("manifest.json", json.dumps([entry]).encode())
        CASES[name] = (message, make)
        return fn
    return add


@docker_case("docker-layer-dotdot", "which is no file")
def _(lay, target, entry):
    entry["Layers"] = ["../" * 12 + target.lstrip("/") + "/precious"]


@docker_case("docker-layer-absolute", "which is no file")
def _(lay, target, entry):
    entry["Layers"] = [target + "/precious"]


@docker_case("docker-layer-link-out", "is missing")
def _(lay, target, entry):
    os.symlink(target + "/precious", os.path.join(lay.top, "l/out"))
    entry["Layers"] = ["l/out"]


@docker_case("docker-config-of-another-digest", "has another SHA-256")
def _(lay, target, entry):
    entry["Config"] = "0" * 64 + ".json"
    with open(os.path.join(lay.top, "c.json"), "rb") as f:
        lay.write(entry["Config"], f.read())


@docker_case("docker-layer-of-another-content", "than the image's config says")
def _(lay, target, entry):
    lay.write("l/layer.tar", folder("./") + END)


@docker_case("docker-config-is-a-folder", "is no file")
def _(lay, target, entry):
    entry["Config"] = "l"


# Layers.

@layers_case("entry-dotdot", r"it has a '\.\.' in it")
def _(target):
    return [file("../" * 12 + target.lstrip("/") + "/pwned") + END]


@layers_case("entry-absolute", "it is absolute")
def _(target):
    return [file(target + "/pwned") + END]


@layers_case("link-out-absolute", "name that is not allowed")
def _(target):
    return [hardlink("etc/y", target + "/precious") + END]


@layers_case("link-out-dotdot", "name that is not allowed")
def _(target):
    return [hardlink("etc/y", "../" * 12 + target.lstrip("/") + "/precious") + END]


@layers_case("link-through-symlink", "leads to nothing")
def _(target):
    return [symlink("way", target) + hardlink("etc/y", "way/precious") + END]


@layers_case("link-to-what-was-removed", "leads to nothing")
def _(target):
    return [file("etc/.wh.x", b"") + hardlink("etc/y", "etc/x") + END]


@layers_case("link-to-a-folder", "leads to a directory")
def _(target):
    return [hardlink("y", "etc") + END]


@layers_case("links-in-a-ring", "no directory")
def _(target):
    return [symlink("a", "b") + symlink("b", "a") + file("a/x") + END]


@layers_case("below-a-file", "no directory")
def _(target):
    return [file("etc/x/y") + END]


@layers_case("same-name-twice", "already one of that name")
def _(target):
    return [file("etc/y") + symlink("etc/y", target) + file("etc/y") + END]


@layers_case("same-name-through-a-link", "already one of that name")
def _(target):
    return [symlink("e", "etc") + file("etc/y") + file("e/y") + END]


@layers_case("whiteout-of-nothing", "whiteout of nothing")
def _(target):
    return [file("etc/.wh.", b"") + END]


@layers_case("whiteout-of-dot", "whiteout of nothing")
def _(target):
    return [file("etc/.wh..", b"") + END]


@layers_case("whiteout-of-dotdot", "whiteout of nothing")
def _(target):
    return [file("etc/.wh...", b"") + END]


@layers_case("whiteout-as-folder", "whiteout and no file")
def _(target):
    return [folder("etc/.wh.x/") + END]


@layers_case("whiteout-as-symlink", "whiteout and no file")
def _(target):
    return [symlink("etc/.wh.x", target) + END]


@layers_case("below-a-whiteout", "whiteout of nothing")
def _(target):
    return [file("etc/.wh.x/y") + END]


@layers_case("whiteout-device", "device node")
def _(target):
    return [header("etc/x", kind=b"3", major=0, minor=0) + END]


@layers_case("disk", "device node")
def _(target):
    return [folder("dev/") + header("dev/sda", kind=b"4", major=8, minor=0) + END]


@layers_case("overlay-opaque", "attribute of an overlay")
def _(target):
    return [pax([("SCHILY.xattr.trusted.overlay.opaque", "y")]) + folder("etc/") + END]


@layers_case("overlay-redirect", "attribute of an overlay")
def _(target):
    return [pax([("SCHILY.xattr.trusted.overlay.redirect", "/../../..")]) + folder("etc/") + END]


@layers_case("owner-of-the-host", "above 65535")
def _(target):
    return [file("etc/y", uid=100000) + END]


@layers_case("something-behind-it", "something else follows")
def _(target):
    return [file("etc/y") + END + bytes(80 << 20)]


@layers_case("cut-off", "damaged|cut off|truncated")
def _(target):
    return [(file("etc/y", b"y" * 5000) + END)[:2000]]


@layers_case("no-archive", "damaged or none")
def _(target):
    return [b"this is no archive, whatever its hash may be" * 100]


@layers_case("compressed-twice", "compressed more than once|damaged or none")
def _(target):
    return [gzip.compress(file("etc/y") + END, mtime=0)]


# ---- the model: layers by the words of the specification ----

class Node:
    def __init__(self, kind, mode=0o755, uid=0, gid=0, mtime=0, data=b"", target=""):
        self.kind, self.mode, self.uid, self.gid = kind, mode, uid, gid
        self.mtime, self.data, self.target = mtime, data, target
        self.children = {}


def lookup(top, path):
    node = top
    for part in [p for p in path.split("/") if p]:
        node = node.children.get(part) if node.kind == "d" else None
        if node is None:
            return None
    return node


def hide(node, name, ours, path):
    """What layers below have as @name goes; what this one has stays."""
    full = path + "/" + name if path else name
    child = node.children.get(name)
    if child is None:
        return
    if full not in ours:
        del node.children[name]
    elif child.kind == "d":
        for n in list(child.children):
            hide(child, n, ours, full)


def apply_layer(top, entries):
    ours = set()
    for kind, path, attrs in entries:
        parent, _, base = path.rpartition("/")
        if base.startswith(".wh."):
            node = lookup(top, parent)
            if node is None or node.kind != "d":
                continue
            if base == ".wh..wh..opq":
                for n in list(node.children):
                    hide(node, n, ours, parent)
            else:
                hide(node, base[4:], ours, parent)
            continue
        node = top
        walked = ""
        for part in [p for p in parent.split("/") if p]:
            walked = walked + "/" + part if walked else part
            if part not in node.children:
                node.children[part] = Node("d")
            ours.add(walked)
            node = node.children[part]
        ours.add(path)
        old = node.children.get(base)
        new = Node(kind, **attrs)
        if kind == "d" and old is not None and old.kind == "d":
            new.children = old.children
        node.children[base] = new


def entry_bytes(kind, path, attrs):
    info = tarfile.TarInfo(path + ("/" if kind == "d" else ""))
    info.mode, info.uid, info.gid = attrs.get("mode", 0), attrs.get("uid", 0), attrs.get("gid", 0)
    info.mtime = attrs.get("mtime", 0)
    data = b""
    if kind == "d":
        info.type = tarfile.DIRTYPE
    elif kind == "l":
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, attrs["target"], 0o777
    elif kind == "p":
        info.type = tarfile.FIFOTYPE
    else:
        data = attrs.get("data", b"")
        info.size = len(data)
    return info, io.BytesIO(data)


def layer_bytes(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for kind, path, attrs in entries:
            t.addfile(*entry_bytes(kind, path, attrs))
    return out.getvalue()


NAMES = ["a", "b", "c", "d", "e", "x y", "\u00e9"]


def random_attrs(rng, kind):
    attrs = {"uid": rng.choice([0, 0, 1000]), "gid": rng.choice([0, 5]),
             "mtime": rng.randrange(1, 1700000000)}
    if kind == "l":
        attrs["target"] = rng.choice(["a", "/b", "../c", "nowhere"])
        attrs["mode"] = 0o777
    else:
        attrs["mode"] = rng.choice([0o755, 0o700, 0o2750, 0o1777] if kind == "d" else
                                   [0o644, 0o600, 0o4755])
    if kind == "f":
        attrs["data"] = rng.randbytes(rng.randrange(0, 3000))
    return attrs


def random_path(rng):
    return "/".join(rng.choice(NAMES) for _ in range(rng.choice([1, 2, 2, 3, 3, 4])))


def fits(top, entries, path):
    """No entry of the same layer, no link and no file of layers below in the way."""
    own = {p: k for k, p, _ in entries}
    if path in own:
        return False
    parts = path.split("/")
    for i in range(1, len(parts)):
        before = "/".join(parts[:i])
        if own.get(before, "d") != "d":
            return False
    return True


def random_layer(rng, top):
    entries = []
    for _ in range(rng.randrange(5, 40)):
        path = random_path(rng)
        dice = rng.random()
        if dice < 0.2:
            parent, _, base = path.rpartition("/")
            path = (parent + "/" if parent else "") + ".wh." + base
            kind = "f"
        elif dice < 0.28:
            path, kind = path + "/.wh..wh..opq", "f"
        else:
            kind = rng.choice("dddfffflp")
        whiteout = "/.wh." in "/" + path
        if not whiteout and not fits(top, entries, path):
            continue
        if whiteout and path in [p for _, p, _ in entries]:
            continue
        # A name that something else of this layer already lies below.
        if kind != "d" and not whiteout and any(p.startswith(path + "/") for _, p, _ in entries):
            continue
        attrs = {} if whiteout else random_attrs(rng, kind)
        entries.append((kind, path, attrs))
    return entries


def usable(top, entries):
    """Drop what leads through a link or a file that is there at that moment."""
    import copy
    result = []
    state = copy.deepcopy(top)
    for e in entries:
        trial = copy.deepcopy(top)
        parent = e[1].rpartition("/")[0]
        node, ok = state, True
        for part in [p for p in parent.split("/") if p]:
            node = node.children.get(part)
            if node is None:
                break
            if node.kind != "d":
                ok = False
                break
        if not ok:
            continue
        result.append(e)
        apply_layer(trial, result)
        state = trial
    return result


def tree_lines(node, path, out):
    if path or node.kind == "d":
        size = len(node.data) if node.kind == "f" else 0
        digest = hashlib.sha256(node.data).hexdigest()[:16] if node.kind == "f" else "-"
        mode = 0o777 if node.kind == "l" else node.mode
        if path:
            out.append("%s %s %o %d:%d %d %d %s %s" % (
                path, node.kind, mode, node.uid, node.gid, size, node.mtime, node.target or "-",
                digest))
    for name in sorted(node.children):
        tree_lines(node.children[name], (path + "/" if path else "") + name, out)


def disk_lines(top, path, out):
    for name in sorted(os.listdir(os.path.join(top, path))):
        rel = (path + "/" if path else "") + name
        full = os.path.join(top, rel)
        st = os.lstat(full)
        kind = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l", stat.S_IFIFO: "p",
                stat.S_IFCHR: "c", stat.S_IFBLK: "b", stat.S_IFSOCK: "s"}[stat.S_IFMT(st.st_mode)]
        digest = "-"
        if kind == "f":
            with open(full, "rb") as f:
                digest = hashlib.sha256(f.read()).hexdigest()[:16]
        out.append("%s %s %o %d:%d %d %d %s %s" % (
            rel, kind, stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid,
            st.st_size if kind == "f" else 0, int(st.st_mtime),
            os.readlink(full) if kind == "l" else "-", digest))
        if kind == "d":
            disk_lines(top, rel, out)


def write_random(top, seed):
    rng = random.Random(int(seed))
    model = Node("d")
    layers = []
    for _ in range(rng.randrange(2, 7)):
        entries = usable(model, random_layer(rng, model))
        apply_layer(model, entries)
        layers.append(layer_bytes(entries))
    lay = Layout(top)
    lay.add(lay.image(layers, rng.choice(["none", "gzip", "xz", "zstd"])))
    lay.done()
    lines = []
    tree_lines(model, "", lines)
    with open(top + ".model", "w") as f:
        f.write("".join(l + "\n" for l in sorted(lines)))


def main():
    verb, rest = sys.argv[1], sys.argv[2:]
    if verb == "list":
        for name, (message, _) in CASES.items():
            print(name, message, sep="\t")
    elif verb == "make":
        CASES[rest[0]][1](Layout(rest[1]), rest[2])
    elif verb == "good":
        good(*rest)
    elif verb == "random":
        write_random(*rest)
    elif verb == "tree":
        lines = []
        disk_lines(rest[0], "", lines)
        print("\n".join(sorted(lines)))


if __name__ == "__main__":
    main()
