/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of events. A field that is not here cannot be written. */
#include "audit/audit.h"

#include <assert.h>

#define MUST AUDIT_MANDATORY
#define COMMAND (AUDIT_COMMAND | AUDIT_JOINED)
#define TEXT(name_, flags_, meaning_) { name_, AUDIT_KIND_TEXT, flags_, meaning_ }
#define INT(name_, flags_, meaning_) { name_, AUDIT_KIND_INT, flags_, meaning_ }
#define BOOL(name_, flags_, meaning_) { name_, AUDIT_KIND_BOOL, flags_, meaning_ }
#define LIST(name_, flags_, meaning_) { name_, AUDIT_KIND_LIST, flags_, meaning_ }

static const struct audit_event_def events[AUDIT_TYPE_COUNT] = {
	[AUDIT_CONTAINER_CREATE] = {
		.name = "container.create",
		.meaning = "a container was made and has not run yet",
		.fields = {
			TEXT("image", MUST, "alias or fingerprint that was asked for"),
			TEXT("fingerprint", 0, "of the image that was taken"),
			TEXT("workspace", 0, "directory of the host that it gets"),
			TEXT("init", 0, "coi-init or systemd"),
			BOOL("persistent", 0, "is it kept when its session ends"),
			INT("id_base", 0, "first host id of its range"),
			INT("id_count", 0, "ids in its range"),
			LIST("mounts", 0, "host:container[:ro] of each further mount"),
		},
	},
	[AUDIT_CONTAINER_START] = {
		.name = "container.start",
		.meaning = "the first process of a container runs",
		.fields = {
			INT("pid", MUST, "its init, in the host's numbers"),
			INT("supervisor", 0, "pid of its supervisor"),
			TEXT("network", 0, "mode of the network rules in force"),
			TEXT("address", 0, "its IPv4 address"),
		},
	},
	[AUDIT_CONTAINER_READY] = {
		.name = "container.ready",
		.meaning = "a container takes commands",
		.fields = {
			INT("ms", MUST, "milliseconds from start to ready"),
		},
	},
	[AUDIT_CONTAINER_EXEC] = {
		.name = "container.exec",
		.meaning = "a command was started in a container from the host",
		.fields = {
			LIST("command", MUST | AUDIT_COMMAND, "program and arguments"),
			TEXT("as", 0, "user in the container"),
			TEXT("cwd", 0, "working directory in the container"),
			LIST("environment", AUDIT_SECRET, "variables given to it"),
			BOOL("terminal", 0, "does it have one"),
			INT("status", 0, "exit status, when it has ended"),
		},
	},
	[AUDIT_CONTAINER_UNFREEZE] = {
		.name = "container.unfreeze",
		.meaning = "a person let a frozen container go on",
		.fields = {
			TEXT("frozen_for", 0, "threat that it was frozen for"),
		},
	},
	[AUDIT_CONTAINER_STOP] = {
		.name = "container.stop",
		.meaning = "a container has ended",
		.fields = {
			TEXT("how", MUST, "shutdown, kill, exit or crash"),
			TEXT("reason", 0, "who or what wanted it"),
			INT("status", 0, "exit status of its init"),
		},
	},
	[AUDIT_CONTAINER_DELETE] = {
		.name = "container.delete",
		.meaning = "a container and its files are gone",
		.fields = {
			TEXT("reason", 0, "who or what wanted it"),
		},
	},
	[AUDIT_CONTAINER_REPAIR] = {
		.name = "container.repair",
		.meaning = "what a crash left of a container was put right",
		.fields = {
			TEXT("state", MUST, "state that its record was in"),
			TEXT("action", MUST, "what was finished: stop or delete"),
			LIST("removed", 0, "what was found and taken away"),
		},
	},
	[AUDIT_IMAGE_IMPORT] = {
		.name = "image.import",
		.meaning = "an image came into the store from a file",
		.fields = {
			TEXT("fingerprint", MUST, "of the image"),
			TEXT("alias", 0, "name it got"),
			TEXT("source", MUST, "file or directory it came from"),
			TEXT("format", 0, "what the file was found to be"),
			INT("bytes", 0, "size unpacked"),
		},
	},
	[AUDIT_IMAGE_BUILD] = {
		.name = "image.build",
		.meaning = "an image was built from a recipe",
		.fields = {
			TEXT("fingerprint", MUST, "of the image"),
			TEXT("alias", MUST, "name it got"),
			TEXT("recipe", 0, "recipe or script it was built from"),
			TEXT("base", 0, "image it was built on"),
			LIST("agents", 0, "agents in it"),
			LIST("sources", 0, "registries and mirrors it was built from"),
			INT("bytes", 0, "size unpacked"),
		},
	},
	[AUDIT_IMAGE_PUBLISH] = {
		.name = "image.publish",
		.meaning = "a container became an image",
		.fields = {
			TEXT("fingerprint", MUST, "of the image"),
			TEXT("alias", 0, "name it got"),
		},
	},
	[AUDIT_IMAGE_DELETE] = {
		.name = "image.delete",
		.meaning = "an image was taken out of the store",
		.fields = {
			TEXT("fingerprint", MUST, "of the image"),
			LIST("aliases", 0, "names it had"),
		},
	},
	[AUDIT_FILE_PUSH] = {
		.name = "file.push",
		.meaning = "files went into a container",
		.fields = {
			TEXT("path", MUST, "in the container"),
			TEXT("host", MUST, "on the host"),
		},
	},
	[AUDIT_FILE_PULL] = {
		.name = "file.pull",
		.meaning = "files were taken out of a container",
		.fields = {
			TEXT("path", MUST, "in the container"),
			TEXT("host", MUST, "on the host"),
		},
	},
	[AUDIT_SNAPSHOT_CREATE] = {
		.name = "snapshot.create",
		.meaning = "a snapshot of a container was taken",
		.fields = {
			TEXT("snapshot", MUST, "its name"),
		},
	},
	[AUDIT_SNAPSHOT_RESTORE] = {
		.name = "snapshot.restore",
		.meaning = "a container has the files of a snapshot again",
		.fields = {
			TEXT("snapshot", MUST, "its name"),
		},
	},
	[AUDIT_SNAPSHOT_DELETE] = {
		.name = "snapshot.delete",
		.meaning = "a snapshot is gone",
		.fields = {
			TEXT("snapshot", MUST, "its name"),
		},
	},
	[AUDIT_NETWORK_APPLY] = {
		.name = "network.apply",
		.meaning = "the network rules of a container are in force",
		.fields = {
			TEXT("mode", MUST, "restricted, allowlist or open"),
			TEXT("address", 0, "IPv4 address of the container"),
			LIST("allowed", 0, "names and networks of the allowlist"),
			BOOL("block_private", 0, "private networks are closed"),
			BOOL("block_metadata", 0, "the metadata address is closed"),
			BOOL("allow_local", 0, "the local network is open"),
			BOOL("repaired", 0, "the rules had been taken away by somebody"),
		},
	},
	[AUDIT_NETWORK_REMOVE] = {
		.name = "network.remove",
		.meaning = "the network rules of a container were taken away",
		.fields = {
			TEXT("address", 0, "IPv4 address it had"),
		},
	},
	[AUDIT_SUPERVISOR_START] = {
		.name = "supervisor.start",
		.meaning = "a container's supervisor took over",
		.fields = {
			INT("pid", MUST, "of the supervisor"),
			TEXT("version", 0, "of coi"),
		},
	},
	[AUDIT_SUPERVISOR_ERROR] = {
		.name = "supervisor.error",
		.meaning = "a supervisor could not do what it should",
		.level = AUDIT_WARNING,
		.fields = {
			TEXT("kind", MUST, "word for the kind of error"),
			TEXT("message", MUST, "what could not be done, and why"),
		},
	},
	[AUDIT_CONFIG_REFUSED] = {
		.name = "config.refused",
		.meaning = "a container starts without what an untrusted file asked for",
		.fields = {
			TEXT("file", MUST, "that asked"),
			INT("line", 0, "in it"),
			TEXT("key", MUST, "setting that was asked for"),
			TEXT("reason", 0, "refused, or waits for approval"),
		},
	},
	[AUDIT_TRUST_APPROVE] = {
		.name = "trust.approve",
		.meaning = "a person approved what a file asks for",
		.sync = true,
		.fields = {
			TEXT("file", MUST, "that asks"),
			TEXT("fingerprint", MUST, "of what was approved"),
			LIST("items", 0, "what was approved, one by one"),
		},
	},
	[AUDIT_TRUST_REVOKE] = {
		.name = "trust.revoke",
		.meaning = "an approval was taken back",
		.sync = true,
		.fields = {
			TEXT("file", MUST, "whose approval it was"),
		},
	},
	[AUDIT_STREAM_EXEC] = {
		.name = "exec",
		.meaning = "a process of a container runs another program",
		.is_stream = true,
		.fields = {
			INT("pid", MUST, "of the process, in the host's numbers"),
			INT("ppid", 0, "of its parent"),
			TEXT("comm", 0, "its name"),
			LIST("args", COMMAND | AUDIT_LONG, "its command line"),
			INT("args_bytes", 0, "size of the command line, when it is not all here"),
			TEXT("exe", 0, "file that is run, when the command line has another name"),
			INT("uid", 0, "its user, as the container counts"),
			TEXT("stdio", 0, "what its standard streams are, when one is a socket"),
			BOOL("args_gone", 0, "it had ended before its command line could be read"),
			BOOL("was_running", 0, "it ran when the watching began"),
		},
	},
	[AUDIT_STREAM_NET] = {
		.name = "net",
		.meaning = "a process of a container connects or sends",
		.is_stream = true,
		.fields = {
			TEXT("proto", MUST, "tcp, udp or a number"),
			TEXT("state", 0, "connect, refused or let through"),
			TEXT("local", 0, "address:port of this side"),
			TEXT("peer", MUST, "address:port of the other side"),
			INT("pid", 0, "of the process, in the host's numbers"),
			TEXT("comm", 0, "its name"),
			INT("uid", 0, "its user, as the container counts"),
		},
	},
	[AUDIT_STREAM_FILE] = {
		.name = "file",
		.meaning = "a process of a container touches a watched file",
		.is_stream = true,
		.fields = {
			TEXT("path", MUST, "of the file, as the container sees it"),
			TEXT("op", MUST, "open, read, write, create, delete or move"),
			INT("pid", 0, "of the process, in the host's numbers"),
			TEXT("comm", 0, "its name"),
		},
	},
	[AUDIT_STREAM_AUDIT] = {
		.name = "audit",
		.meaning = "about the watching itself: what is seen, and what was not",
		.level = AUDIT_WARNING,
		.is_stream = true,
		.fields = {
			TEXT("msg", MUST, "source.start, .lost, .unavailable, .gap, records.lost, …"),
			TEXT("level", 0, "info, or warning when something was not seen"),
			TEXT("source", 0, "exec, connect, secrets, …"),
			TEXT("backend", 0, "how it is told: bpf, proc-connector, …"),
			INT("count", 0, "how many were lost"),
			TEXT("since", 0, "from when on"),
			TEXT("raw", 0, "more about it"),
		},
	},
	[AUDIT_STREAM_HEARTBEAT] = {
		.name = "heartbeat",
		.meaning = "the watching goes on",
		.is_stream = true,
		.fields = {
			INT("seq", MUST, "number of the heartbeat"),
			LIST("sources", 0, "that are there"),
		},
	},
};

const struct audit_event_def *audit_event_def(enum audit_type type) {
	assert((unsigned)type < AUDIT_TYPE_COUNT);
	return &events[type];
}
