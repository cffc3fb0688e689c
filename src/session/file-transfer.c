/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/file-transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/layer.h"
#include "runtime/inside.h"
#include "session/file-place.h"
#include "session/file-tree.h"
#include "session/repair.h"
#include "session/snapshot.h"
#include "session/standstill.h"
#include "session/storage.h"

void file_result_done(struct file_result *r) {
	free(r->path);
	*r = (struct file_result){ 0 };
}

/* ---- the container's side ---- */

struct remote {
	pid_t pid;
	FILE *to;   /* what is pushed; NULL for a pull */
	FILE *from; /* what is pulled, or the answer */
	int lock;   /* of a stopped container that is written to */
	struct storage storage; /* and its files */
};

struct task {
	const struct file_request *request;
	const struct container *c;
	bool push;
	uid_t person; /* whose files are the user's inside */
	int pidfd;    /* of init; -1: it does not run */
	int view;     /* of one that does not run */
	int in, out;  /* ends of the pipes */
};

static bool ends_in_slash(const char *path) {
	size_t len = strlen(path);

	return len > 0 && path[len - 1] == '/';
}

static char *dir_of(const char *clean) {
	const char *slash = strrchr(clean, '/');

	return !slash || slash == clean ? xstrdup("/") : xstrndup(clean, (size_t)(slash - clean));
}

static int open_parent(int root, const char *clean, struct err *err) {
	autofree char *dir = dir_of(clean);
	int fd = open_in_root(root, dir, O_PATH | O_DIRECTORY, 0);

	if (fd == -ENOENT || fd == -ENOTDIR)
		return err_set(err, ERR_MISSING, fd, "the container has no directory '%s'", dir);
	return fd < 0 ? err_sys(err, fd, "cannot open '%s' in the container", dir) : fd;
}

static int remote_send(const struct task *t, int root, FILE *out, struct err *err) {
	struct file_sender s = { .out = out, .recursive = t->request->recursive };
	autofree char *clean = path_clean(t->request->inside);
	autoclose int parent = open_parent(root, clean, err);

	if (parent < 0) {
		file_send_error(out, err);
		return parent;
	}
	return file_send(&s, parent, path_base(clean), err);
}

/* Where it goes: a directory takes it in, unless it has the same name as what is pushed. */
static int find_target(const struct task *t, int root, const struct file_head *head, int *ret_dir,
		       char **ret_name, struct err *err) {
	autofree char *clean = path_clean(t->request->inside);
	const char *source = path_base(t->request->host);
	autoclose int dir = open_in_root(root, clean, O_PATH | O_DIRECTORY, 0);
	bool same = head->type == FILE_TYPE_DIR && strcmp(path_base(clean), source) == 0;

	if (dir >= 0 && !(same && !ends_in_slash(t->request->inside))) {
		*ret_name = xstrdup(source);
		*ret_dir = steal_fd(&dir);
		return 0;
	}
	if (dir < 0 && dir != -ENOENT && dir != -ENOTDIR)
		return err_sys(err, dir, "cannot open '%s' in the container", clean);
	if (dir < 0 && ends_in_slash(t->request->inside))
		return err_set(err, ERR_MISSING, -ENOENT, "the container has no directory '%s'",
			       clean);
	*ret_dir = open_parent(root, clean, err);
	*ret_name = xstrdup(path_base(clean));
	return *ret_dir < 0 ? *ret_dir : 0;
}

static int remote_receive(const struct task *t, int root, FILE *in, struct err *err) {
	struct file_receiver r = {
		.in = in,
		.owner = { .keep = true, .from = t->person, .uid = t->c->code_uid,
			   .gid = t->c->code_gid },
		.merge = true,
		.mode_mask = 07777,
	};
	autofree char *name = NULL;
	autoclose int dir = -1;
	struct file_head head;
	int code = file_receive_head(&r, &head, err);

	if (code == 0)
		code = find_target(t, root, &head, &dir, &name, err);
	return code < 0 ? code : file_receive(&r, &head, dir, name, err);
}

static int enter(const struct task *t, struct err *err) {
	int root = -1, r;

	if (t->pidfd < 0)
		return t->view;
	r = inside_become_root(t->pidfd, err);
	if (r == 0)
		r = inside_enter_mounts(t->pidfd, &root, err);
	return r < 0 ? r : root;
}

/* Ends the process. */
static void child(const struct task *t) {
	int keep[] = { t->in, t->out, t->pidfd, t->view };
	struct err err = { 0 };
	FILE *in = NULL, *out;
	int root, r;

	proc_close_fds_except(keep, ARRAY_SIZE(keep));
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (!t->push) /* else it sees the end of the stream, and takes away what is half there */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGINT, SIG_IGN); /* the caller's: it ends us when it wants to */
	(void)signal(SIGTERM, SIG_IGN);
	(void)umask(0);
	out = fdopen(t->out, "w");
	if (t->push)
		in = fdopen(t->in, "r");
	if (!out || (t->push && !in))
		_exit(1);
	root = enter(t, &err);
	if (root < 0) {
		file_send_error(out, &err);
		_exit(1);
	}
	if (t->push) {
		struct file_head end = { .type = FILE_TYPE_END };
		struct file_sum none = { 0 };

		r = remote_receive(t, root, in, &err);
		if (r < 0)
			file_send_error(out, &err);
		else if (!fwrite(&end, sizeof(end), 1, out) || !fwrite(&none, sizeof(none), 1, out))
			r = -EPIPE;
	} else {
		r = remote_send(t, root, out, &err);
	}
	if (fflush(out) != 0)
		r = -EPIPE;
	_exit(r < 0);
}

static void remote_end(struct remote *m) {
	if (m->to)
		(void)fclose(m->to);
	if (m->from)
		(void)fclose(m->from);
	if (m->pid > 0) {
		(void)kill(m->pid, SIGKILL);
		/* Not waited for: it may hang in a file system of the container. */
		(void)waitpid(m->pid, NULL, WNOHANG);
	}
	storage_close(&m->storage);
	mem_close_ptr(&m->lock);
}

static int view_stopped(struct session *s, const struct container *c, bool push,
			struct remote *m, struct err *err) {
	autofree char *upper = NULL, *work = NULL;
	int r = storage_open(s, c, &m->storage, err);

	if (r < 0)
		return r;
	upper = path_join(m->storage.path, "upper");
	work = path_join(m->storage.path, "work");
	return push ? layers_view_writable(s->layout, c->layers, c->layer_count, upper, work, err) :
		      layers_view(s->layout, c->layers, c->layer_count, upper, err);
}

static int find(struct session *s, const char *name, bool push, struct container **ret, int *lock,
		struct err *err) {
	int r = repair_container(s, name, err);

	if (r >= 0)
		r = container_load(s, name, ret, err);
	if (r < 0 || container_is_running(s, *ret))
		return r;
	if (push) { /* so that nobody starts it meanwhile */
		*lock = container_lock(s, name, 0, err);
		if (*lock < 0)
			return *lock;
		container_free(*ret);
		*ret = NULL;
		r = container_load(s, name, ret, err);
	}
	if (r == 0 && (*ret)->state != STATE_STOPPED && !container_is_running(s, *ret))
		r = container_is_busy(*ret, err);
	return r < 0 ? r : snapshot_pending_check(*ret, err);
}

static int remote_start(struct session *s, struct task *t, struct remote *m, struct err *err) {
	int to[2] = { -1, -1 }, from[2];

	if (pipe2(from, O_CLOEXEC) < 0 || (t->push && pipe2(to, O_CLOEXEC) < 0))
		return err_sys(err, -errno, "cannot make a pipe");
	t->in = to[0];
	t->out = from[1];
	(void)fflush(NULL);
	m->pid = fork();
	if (m->pid == 0)
		child(t);
	if (t->push) {
		(void)close(to[0]);
		m->to = fdopen(to[1], "w");
	}
	(void)close(from[1]);
	m->from = fdopen(from[0], "r");
	if (m->pid < 0 || !m->from || (t->push && !m->to))
		return err_sys(err, -errno, "cannot make a process");
	return 0;
}

static int remote_begin(struct session *s, struct task *t, struct container **c, struct remote *m,
			struct err *err) {
	autoclose int pidfd = -1, view = -1;
	int r = find(s, t->request->container, t->push, c, &m->lock, err);

	if (r < 0)
		return r;
	if (container_is_running(s, *c)) {
		r = standstill_wait(s, *c, err);
		if (r < 0)
			return r;
		pidfd = proc_id_open(&(*c)->init);
		if (pidfd < 0)
			return err_sys(err, pidfd, "container '%s' has just ended", (*c)->name);
	} else {
		view = view_stopped(s, *c, t->push, m, err);
		if (view < 0)
			return view;
	}
	t->c = *c;
	t->person = (*c)->workspace_uid ? (*c)->workspace_uid : s->who->uid;
	t->pidfd = pidfd;
	t->view = view;
	return remote_start(s, t, m, err);
}

static void tell_audit(struct session *s, enum audit_type type, const struct file_request *request,
		       const char *host) {
	struct err err = { 0 };

	if (audit_write(s->audit, type, request->container,
			AUDIT_FIELDS(AUDIT_TEXT("path", request->inside), AUDIT_TEXT("host", host)),
			&err) < 0)
		session_say(s, "Warning: %s", err.msg);
}

static void sum_up(const struct file_sum *sum, struct file_result *ret) {
	ret->files = sum->files;
	ret->bytes = sum->bytes;
	ret->left_out_links = sum->links;
	ret->left_out_special = sum->special;
}

/*
 * @dir has no links in it, or they came while nobody looked: of the container, when
 * the place is in its workspace.
 */
static int open_resolved_dir(const char *dir) {
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -errno;
	return open_beneath(root, dir[1] ? dir + 1 : ".", O_PATH | O_DIRECTORY, 0);
}

/* ---- push ---- */

static int send_local(const char *real, const struct file_request *request, struct remote *m,
		      struct file_sum *sum, struct err *err) {
	autofree char *dir = dir_of(real);
	struct file_sender s = { .out = m->to, .recursive = request->recursive, .links = true };
	autoclose int parent = open_resolved_dir(dir);
	int r;

	if (parent < 0)
		r = err_sys(err, parent, "cannot open '%s'", dir);
	else
		r = file_send(&s, parent, path_base(real), err);
	*sum = s.sum;
	return r;
}

/* Its error comes first: ours may only be that it has gone. */
static int answer(struct remote *m, int sent, struct err *err) {
	struct file_receiver r = { .in = m->from };
	struct err theirs = { 0 };
	int code;

	(void)fclose(steal_ptr(m->to));
	code = file_receive_end(&r, &theirs);
	if (sent < 0 && sent != -EPIPE)
		return sent;
	if (code < 0)
		*err = theirs;
	return code;
}

int file_push(struct session *s, const struct file_request *request, struct file_result *ret,
	      struct err *err) {
	auto_container struct container *c = NULL;
	struct file_request of = *request;
	struct task task = { .request = &of, .push = true, .pidfd = -1, .view = -1 };
	struct remote m = { .lock = -1, .storage = STORAGE_INIT };
	struct file_sum sum = { 0 };
	autofree char *real = NULL;
	struct stat st;
	int r;

	privilege_person_begin(s->who);
	real = realpath(request->host, NULL);
	r = real && stat(real, &st) == 0 ? 0 : -errno;
	privilege_person_end(s->who);
	if (r < 0)
		return err_sys(err, r, "cannot push '%s'", request->host);
	if (S_ISDIR(st.st_mode) && !request->recursive) {
		(void)err_set(err, ERR_USAGE, -EISDIR, "'%s' is a directory", request->host);
		return err_hint(err, "-r copies it with all that is in it.");
	}
	of.host = real;
	r = remote_begin(s, &task, &c, &m, err);
	if (r == 0) {
		privilege_person_begin(s->who);
		r = send_local(real, request, &m, &sum, err);
		privilege_person_end(s->who);
		r = answer(&m, r, err);
	}
	remote_end(&m);
	if (r < 0)
		return err_wrap(err, "cannot push '%s'", request->host);
	sum_up(&sum, ret);
	ret->path = xstrdup(request->inside);
	tell_audit(s, AUDIT_FILE_PUSH, request, real);
	return 0;
}

/* ---- pull ---- */

static int pull(const struct file_request *request, struct remote *m, struct file_result *ret,
		struct err *err) {
	struct file_receiver r = { .in = m->from, .mode_mask = 0777, .progress = request->progress };
	auto_file_place struct file_place place = { 0 };
	struct file_head head;
	int code = file_place_choose(request->host, request->inside, &place, err);

	if (code == 0) /* what can be said without the container */
		code = file_place_check(&place, false, err);
	if (code == 0)
		code = file_receive_head(&r, &head, err);
	if (code == 0)
		code = file_place_check(&place, head.type == FILE_TYPE_DIR, err);
	if (code == 0 && head.type == FILE_TYPE_LINK)
		code = err_set(err, ERR_SYSTEM, -EBADMSG, "the container's side sends a link");
	if (code == 0)
		code = file_place_receive(&place, &r, &head, err);
	if (code < 0)
		return code;
	sum_up(&r.sum, ret);
	ret->path = steal_ptr(place.path);
	return 0;
}

int file_pull(struct session *s, const struct file_request *request, struct file_result *ret,
	      struct err *err) {
	auto_container struct container *c = NULL;
	struct task task = { .request = request, .pidfd = -1, .view = -1 };
	struct remote m = { .lock = -1, .storage = STORAGE_INIT };
	autofree char *clean = path_clean(request->inside);
	int r;

	if (!strcmp(clean, "/"))
		return err_set(err, ERR_USAGE, -EINVAL, "name a file or directory below '/'");
	r = remote_begin(s, &task, &c, &m, err);
	if (r == 0) {
		privilege_person_begin(s->who);
		r = pull(request, &m, ret, err);
		privilege_person_end(s->who);
	}
	remote_end(&m);
	if (r == -EISDIR && err->kind == ERR_USAGE)
		return err_hint(err, "-r copies it with all that is in it.");
	if (r < 0)
		return err->kind == ERR_USAGE ? r : err_wrap(err, "cannot pull '%s'", request->inside);
	tell_audit(s, AUDIT_FILE_PULL, request, ret->path);
	return 0;
}
