/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/source/bpf-records.h"

#include <string.h>

#include "base/mem.h"
#include "monitor/source/process.h"

static void tell_exec(struct bpf_records *r, const struct bpf_exec *x, char *args, size_t len) {
	size_t argc;
	autofree char **argv = process_argv(args, len, &argc);
	const struct watch_event e = {
		.kind = WATCH_EXEC,
		.at_us = x->head.at_ns / 1000,
		.pid = (pid_t)x->head.pid,
		.ppid = (pid_t)x->head.ppid,
		.uid = watch_uid(&r->target, x->head.uid),
		.comm = x->head.comm,
		.exec = { .exe = x->exe,
		          .file = x->file,
		          .comm = x->head.comm,
		          .argv = argv,
		          .argc = argc,
		          .args_bytes = x->head.args_bytes,
		          .is_cut = x->head.args_bytes > len || argc == WATCH_ARGC_MAX,
		          .is_in_memory = x->head.flags & BPF_FLAG_NAMELESS,
		          .streams = { (enum watch_stream)x->streams[0],
		                       (enum watch_stream)x->streams[1],
		                       (enum watch_stream)x->streams[2] } },
	};

	r->sink->event(&e, r->sink->data);
}

static void pending_end(struct bpf_records *r, struct bpf_pending *p) {
	tell_exec(r, &p->first, p->args.data, p->args.len);
	buf_done(&p->args);
	p->is_used = false;
}

static struct bpf_pending *pending_find(struct bpf_records *r, unsigned pid) {
	for (size_t i = 0; i < BPF_PENDING_MAX; i++)
		if (r->pending[i].is_used && r->pending[i].first.head.pid == pid)
			return &r->pending[i];
	return NULL;
}

static struct bpf_pending *pending_new(struct bpf_records *r) {
	for (size_t i = 0; i < BPF_PENDING_MAX; i++)
		if (!r->pending[i].is_used)
			return &r->pending[i];
	/* One whose rest never came: what there is of it. */
	pending_end(r, &r->pending[0]);
	return &r->pending[0];
}

/* The kernel writes texts with their end; what is mapped is looked at once more all the same. */
static void end_texts(struct bpf_exec *x) {
	x->head.comm[BPF_COMM - 1] = '\0';
	x->file[BPF_FILE - 1] = '\0';
	x->exe[BPF_EXE - 1] = '\0';
	for (int fd = 0; fd < 3; fd++)
		if (x->streams[fd] >= WATCH_STREAM_COUNT)
			x->streams[fd] = WATCH_STREAM_UNKNOWN;
}

static void take_exec(struct bpf_records *r, const void *data, size_t size) {
	const size_t fixed = sizeof(struct bpf_exec) - BPF_CHUNK;
	struct bpf_pending *p;
	struct bpf_exec x;
	size_t len;

	if (size < fixed)
		return;
	memset(&x, 0, fixed);
	memcpy(&x, data, size < sizeof(x) ? size : sizeof(x));
	end_texts(&x);
	len = x.head.len < size - fixed ? x.head.len : size - fixed;
	len = len < BPF_CHUNK ? len : BPF_CHUNK;
	/* Its rest was lost, or its number is another's by now. */
	p = pending_find(r, x.head.pid);
	if (p)
		pending_end(r, p);
	if (!(x.head.flags & BPF_FLAG_MORE)) {
		char args[BPF_CHUNK + 1];

		memcpy(args, x.args, len);
		args[len] = '\0';
		tell_exec(r, &x, args, len);
		return;
	}
	p = pending_new(r);
	p->is_used = true;
	memcpy(&p->first, &x, fixed);
	buf_init(&p->args, WATCH_ARGS_MAX);
	buf_add(&p->args, x.args, len);
}

static void take_args(struct bpf_records *r, const void *data, size_t size) {
	const struct bpf_args *a = data;
	struct bpf_pending *p = size < sizeof(a->head) ? NULL : pending_find(r, a->head.pid);
	size_t len;

	if (!p)
		return; /* its beginning was lost, and was counted */
	len = a->head.len < size - sizeof(a->head) ? a->head.len : size - sizeof(a->head);
	buf_add(&p->args, a->args, len);
	if (!(a->head.flags & BPF_FLAG_MORE))
		pending_end(r, p);
}

static void take_connect(struct bpf_records *r, const void *data, size_t size) {
	struct bpf_connect c;
	struct watch_event e = { .kind = WATCH_CONNECT };

	if (size < sizeof(c))
		return;
	memcpy(&c, data, sizeof(c));
	c.head.comm[BPF_COMM - 1] = '\0';
	e.at_us = c.head.at_ns / 1000;
	e.pid = (pid_t)c.head.pid;
	e.uid = watch_uid(&r->target, c.head.uid);
	e.comm = c.head.comm;
	e.connect.family = c.family;
	e.connect.protocol = c.protocol;
	e.connect.port = c.port;
	memcpy(e.connect.address, c.address, sizeof(e.connect.address));
	r->sink->event(&e, r->sink->data);
}

static void take_forks(struct bpf_records *r, const void *data, size_t size) {
	struct watch_event e = { .kind = WATCH_FORK };
	struct bpf_forks f;

	if (size < sizeof(f))
		return;
	memcpy(&f, data, sizeof(f));
	f.head.comm[BPF_COMM - 1] = '\0';
	e.fork.count = f.count < BPF_FORKS ? (unsigned)f.count : BPF_FORKS;
	e.at_us = f.head.at_ns / 1000;
	e.pid = (pid_t)f.head.pid;
	e.uid = watch_uid(&r->target, f.head.uid);
	e.comm = f.head.comm;
	r->sink->event(&e, r->sink->data);
}

void bpf_records_take(struct bpf_records *r, const void *data, size_t size) {
	unsigned kind;

	if (size < sizeof(struct bpf_head))
		return;
	memcpy(&kind, data, sizeof(kind));
	if (kind == BPF_KIND_EXEC)
		take_exec(r, data, size);
	else if (kind == BPF_KIND_ARGS)
		take_args(r, data, size);
	else if (kind == BPF_KIND_CONNECT)
		take_connect(r, data, size);
	else if (kind == BPF_KIND_FORKS)
		take_forks(r, data, size);
}

void bpf_records_done(struct bpf_records *r) {
	for (size_t i = 0; i < BPF_PENDING_MAX; i++)
		if (r->pending[i].is_used)
			pending_end(r, &r->pending[i]);
}
