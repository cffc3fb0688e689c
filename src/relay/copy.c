/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that reads and writes. Owns the connections; has no rights.
 *
 * Descriptors are watched edge-triggered: what may be read or written is
 * remembered, and a connection that can go on stands in a queue, in which each gets
 * its share before the next. What cannot be written at once is kept, and then its
 * side is not read any further.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "relay/protocol.h"

#define BLOCK (64 * 1024)
#define BLOCKS_IN_A_ROW 8
#define ASKED_MAX 64 /* questions that are not answered yet */
#define RETRY_MS 20  /* a server whose queue is full */
#define GIVE_UP_MS 10000
#define DESCRIPTORS_MAX (2 * RELAY_CONNECTIONS_MAX + RELAY_TARGETS_MAX + 64)
#define MEMORY_MAX (512ul << 20)

enum state {
	STATE_FREE,
	STATE_ASKED, /* for the other end */
	STATE_BUSY,  /* to be asked again: the server has no room */
	STATE_OPEN,
};

struct connection;

/* One end: 0 is who came, 1 is the server. */
struct end {
	struct connection *connection;
	struct loop_source *source;
	int fd;
	bool readable;
	bool writable;
	bool has_ended; /* nothing more will be read from it */
	bool was_ended; /* we have told it that nothing more comes */
	bool is_dead;   /* it takes nothing more */
	/* Read from it, not written to the other one yet. */
	char *data;
	size_t len;
	size_t at;
};

struct connection {
	enum state state;
	uint32_t target;
	uint64_t since_ms;
	struct end ends[2];
	bool is_queued;
	struct connection *next; /* free ones, or the queue */
};

struct copier {
	const struct relay_setup *setup;
	struct loop *loop;
	int ask_fd;
	struct loop_source *listeners[RELAY_TARGETS_MAX];
	struct connection all[RELAY_CONNECTIONS_MAX];
	struct connection *free;
	struct connection *queue, **queue_end;
	unsigned asked;
	unsigned busy;
	bool is_paused; /* nobody is accepted */
	bool timer_runs;
	bool is_over;
	int result;
	char block[BLOCK];
};

static struct copier copier;

static void end_all(struct copier *w, int result) {
	w->is_over = true;
	w->result = result;
}

static void enqueue(struct copier *w, struct connection *c) {
	if (c->is_queued || c->state != STATE_OPEN)
		return;
	c->is_queued = true;
	c->next = NULL;
	*w->queue_end = c;
	w->queue_end = &c->next;
}

/* Accept again when there is room, else no more. */
static void set_accepting(struct copier *w) {
	bool pause = !w->free || w->asked >= ASKED_MAX;

	if (pause == w->is_paused)
		return;
	w->is_paused = pause;
	for (size_t i = 0; i < w->setup->count; i++)
		loop_set_events(w->listeners[i], pause ? 0 : EPOLLIN);
}

static void close_end(struct copier *w, struct end *e, bool reset) {
	const struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	if (e->fd < 0)
		return;
	loop_remove(w->loop, e->source);
	/* Unix sockets take it and do not care. */
	if (reset)
		(void)setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	(void)close(e->fd);
	free(e->data);
	*e = (struct end){ .fd = -1 };
}

/* Never while it stands in the queue. */
static void close_connection(struct copier *w, struct connection *c, bool reset) {
	for (size_t i = 0; i < 2; i++)
		close_end(w, &c->ends[i], reset);
	c->state = STATE_FREE;
	c->next = w->free;
	w->free = c;
	set_accepting(w);
}

static void on_end(int fd, uint32_t events, void *data) {
	struct end *e = data;

	(void)fd;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		e->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		e->writable = true;
	if (events & (EPOLLHUP | EPOLLERR))
		e->is_dead = true;
	enqueue(&copier, e->connection);
}

/* What is kept of @from: 0 all written, 1 the other end takes no more for now, -errno. */
static int write_kept(struct end *from, struct end *to) {
	while (from->len) {
		ssize_t n = to->writable ? send(to->fd, from->data + from->at, from->len,
						MSG_NOSIGNAL | MSG_DONTWAIT)
					 : (errno = EAGAIN, -1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0) {
			to->writable = false;
			return 1;
		}
		from->at += (size_t)n;
		from->len -= (size_t)n;
	}
	free(from->data);
	from->data = NULL;
	from->at = 0;
	return 0;
}

/* At most one block: 0 there may be more, 1 nothing can be done for now, -errno. */
static int copy_block(struct copier *w, struct end *from, struct end *to) {
	ssize_t n = recv(from->fd, w->block, BLOCK, MSG_DONTWAIT), done = 0;

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0 && errno != EAGAIN)
		return -errno;
	if (n < 0) {
		from->readable = false;
		return 1;
	}
	if (n == 0) {
		from->has_ended = true;
		return 0;
	}
	if (to->writable)
		done = send(to->fd, w->block, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (done < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	if (done < 0)
		done = 0;
	if (done < n) {
		from->data = xmemdup(w->block + done, (size_t)(n - done));
		from->len = (size_t)(n - done);
		from->at = 0;
	}
	return 0;
}

/* One direction, its share at most: 0 there is more to do, 1 not for now, -errno. */
static int copy(struct copier *w, struct end *from, struct end *to) {
	for (int i = 0; i < BLOCKS_IN_A_ROW; i++) {
		int r = write_kept(from, to);

		if (r != 0)
			return r;
		if (from->has_ended) {
			/* A connection that is still being made would be given up by it. */
			if (!to->was_ended && to->writable) {
				(void)shutdown(to->fd, SHUT_WR);
				to->was_ended = true;
			}
			return 1;
		}
		if (!from->readable)
			return 1;
		r = copy_block(w, from, to);
		if (r != 0)
			return r;
	}
	return 0;
}

static void go_on(struct copier *w, struct connection *c) {
	struct end *a = &c->ends[0], *b = &c->ends[1];
	int there = copy(w, a, b), back = there < 0 ? there : copy(w, b, a);

	if (there < 0 || back < 0) {
		close_connection(w, c, true);
		return;
	}
	/* Both halves are over; or one end is gone, and what it said has been passed on. */
	if ((a->was_ended && b->was_ended) || (a->is_dead && b->was_ended) ||
	    (b->is_dead && a->was_ended)) {
		close_connection(w, c, false);
		return;
	}
	if (there == 0 || back == 0)
		enqueue(w, c);
}

static bool watch(struct copier *w, struct end *e) {
	e->source = loop_add_fd(w->loop, e->fd,
				EPOLLIN | EPOLLOUT | EPOLLRDHUP | (uint32_t)EPOLLET, on_end, e);
	return e->source;
}

static void ask(struct copier *w, struct connection *c) {
	const struct relay_ask a = { .id = (uint32_t)(c - w->all), .target = c->target };

	if (send(w->ask_fd, &a, sizeof(a), MSG_NOSIGNAL) != sizeof(a)) {
		end_all(w, -EPIPE);
		return;
	}
	c->state = STATE_ASKED;
	w->asked++;
}

static void on_listener(int fd, uint32_t events, void *data) {
	struct copier *w = &copier;
	uint32_t target = (uint32_t)((struct loop_source **)data - w->listeners);

	(void)events;
	while (w->free && w->asked < ASKED_MAX) {
		struct connection *c = w->free;
		int one = 1, peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (peer < 0)
			break;
		if (w->setup->targets[target].kind == RELAY_PORT)
			(void)setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		w->free = c->next;
		*c = (struct connection){ .target = target, .since_ms = clock_mono_ms() };
		c->ends[0] = (struct end){ .connection = c, .fd = peer };
		c->ends[1] = (struct end){ .connection = c, .fd = -1 };
		ask(w, c);
	}
	set_accepting(w);
}

static void on_retry(void *data) {
	struct copier *w = data;
	unsigned left = w->busy;

	w->timer_runs = false;
	for (size_t i = 0; left && i < RELAY_CONNECTIONS_MAX && w->asked < ASKED_MAX; i++) {
		if (w->all[i].state != STATE_BUSY)
			continue;
		left--;
		w->busy--;
		ask(w, &w->all[i]);
	}
	if (w->busy && !w->timer_runs)
		w->timer_runs = loop_add_timer(w->loop, RETRY_MS, 0, on_retry, w);
}

static void answered(struct copier *w, struct connection *c, int fd, int result) {
	w->asked--;
	if (result == -EAGAIN && clock_mono_ms() - c->since_ms < GIVE_UP_MS) {
		c->state = STATE_BUSY;
		w->busy++;
		if (!w->timer_runs)
			w->timer_runs = loop_add_timer(w->loop, RETRY_MS, 0, on_retry, w);
		set_accepting(w);
		return;
	}
	c->ends[1].fd = fd;
	if (fd < 0 || !watch(w, &c->ends[0]) || !watch(w, &c->ends[1])) {
		close_connection(w, c, true);
		return;
	}
	c->state = STATE_OPEN;
	set_accepting(w);
}

static void on_answer(int sock, uint32_t events, void *data) {
	struct copier *w = data;
	struct relay_answer a;
	size_t count = 1;
	int fd = -1;
	ssize_t n = fd_receive(sock, &a, sizeof(a), MSG_DONTWAIT, &fd, &count);

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n != sizeof(a) || a.id >= RELAY_CONNECTIONS_MAX || w->all[a.id].state != STATE_ASKED) {
		mem_close_ptr(&fd);
		end_all(w, -EPIPE);
		return;
	}
	answered(w, &w->all[a.id], fd, a.result);
}

static void on_control(int fd, uint32_t events, void *data) {
	(void)fd;
	(void)events;
	end_all(data, 0); /* it says nothing more: this is its end */
}

static int open_all(struct copier *w) {
	w->loop = loop_new();
	w->queue_end = &w->queue;
	for (size_t i = RELAY_CONNECTIONS_MAX; i-- > 0;) {
		w->all[i].ends[0].fd = w->all[i].ends[1].fd = -1;
		w->all[i].next = w->free;
		w->free = &w->all[i];
	}
	if (!w->loop || !loop_add_fd(w->loop, RELAY_FD_CONTROL, EPOLLIN, on_control, w) ||
	    !loop_add_fd(w->loop, w->ask_fd, EPOLLIN, on_answer, w))
		return -errno;
	for (size_t i = 0; i < w->setup->count; i++) {
		w->listeners[i] = loop_add_fd(w->loop, w->setup->targets[i].listen_fd, EPOLLIN,
					      on_listener, &w->listeners[i]);
		if (!w->listeners[i])
			return -errno;
	}
	return 0;
}

static const int calls[] = {
	SCMP_SYS(accept4),	   SCMP_SYS(brk),	    SCMP_SYS(clock_gettime),
	SCMP_SYS(close),	   SCMP_SYS(epoll_ctl),	    SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),	   SCMP_SYS(epoll_wait),    SCMP_SYS(exit),
	SCMP_SYS(exit_group),	   SCMP_SYS(futex),	    SCMP_SYS(gettimeofday),
	SCMP_SYS(madvise),	   SCMP_SYS(mremap),	    SCMP_SYS(munmap),
	SCMP_SYS(newfstatat),	   SCMP_SYS(read),	    SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),	   SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),	   SCMP_SYS(sendto),	    SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),	   SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(write),	   SCMP_SYS(writev),
};

static int give_up_rights(const struct relay_setup *setup) {
	int r = confine_root(RELAY_FD_ROOT);

	(void)close(RELAY_FD_ROOT);
	if (r == 0)
		r = confine_privileges();
	if (r == 0)
		r = confine_limits(DESCRIPTORS_MAX, MEMORY_MAX);
	if (r == 0)
		r = confine_user(setup->uid, setup->uid);
	if (r == 0)
		r = confine_capabilities(NULL, 0);
	if (r == 0)
		r = confine_privileges();
	if (r == 0)
		r = confine_calls_load(calls, ARRAY_SIZE(calls));
	return r;
}

static void serve_queue(struct copier *w) {
	struct connection *c = w->queue;

	/* What is queued again meanwhile waits for the next round. */
	w->queue = NULL;
	w->queue_end = &w->queue;
	while (c) {
		struct connection *next = c->next;

		c->is_queued = false;
		go_on(w, c);
		c = next;
	}
}

int relay_copy_serve(const struct relay_setup *setup, int ask_fd) {
	struct copier *w = &copier;
	int r;

	w->setup = setup;
	w->ask_fd = ask_fd;
	r = open_all(w);
	if (r == 0)
		r = give_up_rights(setup);
	while (r == 0 && !w->is_over) {
		r = loop_step(w->loop, w->queue ? 0 : -1);
		r = r < 0 ? r : 0;
		serve_queue(w);
	}
	return r < 0 ? r : w->result;
}
