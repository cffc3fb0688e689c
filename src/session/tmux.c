/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tmux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/exec.h"
#include "session/names.h"

#define OUTPUT_MAX (1 << 20)
#define STARTING_MS 15000

/*
 * What a pane runs: the tool, and when it ends a shell, so that the session
 * stays. ^C is for the tool. The words of the tool come as arguments, so no
 * quoting is needed.
 */
static const char pane_script[] =
	"trap : INT; \"$@\"; trap - INT; command -v bash >/dev/null 2>&1 && exec bash; exec sh";

static int no_tmux(const struct container *c, struct err *err) {
	(void)err_set(err, ERR_MISSING, -ENOENT, "there is no tmux in container '%s'", c->name);
	return err_hint(err, "use --tmux=false, or an image that has tmux");
}

static int ask_with(struct session *s, const struct container *c,
		    const struct exec_request *request, struct buf *out, struct err *err) {
	autobuf struct buf err_out = { 0 };
	int r;

	buf_init(&err_out, OUTPUT_MAX);
	r = exec_capture(s, c, request, out, &err_out, err);
	if (r == 127)
		return no_tmux(c, err);
	if (r > 0 && err_out.len)
		(void)err_set(err, ERR_SYSTEM, -EIO, "tmux in container '%s': %.*s", c->name,
			      (int)strcspn(err_out.data, "\n"), err_out.data);
	else if (r > 0)
		(void)err_set(err, ERR_SYSTEM, -EIO, "tmux in container '%s' ended with status %d",
			      c->name, r);
	return r;
}

static int ask(struct session *s, const struct container *c, char *const *argv, struct buf *out,
	       struct err *err) {
	return ask_with(s, c, &(struct exec_request){ .argv = argv, .as_code = true }, out, err);
}

int tmux_exists(struct session *s, const struct container *c, struct err *err) {
	autofree char *session = name_tmux_session(c->name), *target = xasprintf("=%s", session);
	char *const argv[] = { (char *)"tmux", (char *)"has-session", (char *)"-t", target, NULL };
	autobuf struct buf out = { 0 };
	int r;

	buf_init(&out, OUTPUT_MAX);
	r = ask(s, c, argv, &out, err);
	return r < 0 ? r : r == 0;
}

int tmux_start(struct session *s, const struct container *c, char *const *argv, char *const *env,
	       struct err *err) {
	autofree char *session = name_tmux_session(c->name);
	autostrv char **words = NULL;
	autobuf struct buf out = { 0 };
	int r;

	strv_add(&words, "tmux");
	strv_add(&words, "new-session");
	strv_add(&words, "-d");
	strv_add(&words, "-s");
	strv_add(&words, session);
	strv_add(&words, "sh");
	strv_add(&words, "-c");
	strv_add(&words, pane_script);
	strv_add(&words, "sh");
	strv_add_all(&words, argv);
	buf_init(&out, OUTPUT_MAX);
	r = ask_with(s, c,
		     &(struct exec_request){
			     .argv = words, .as_code = true, .session_env = true, .env = env },
		     &out, err);
	return r > 0 ? err_wrap(err, "cannot start the session") : r;
}

int tmux_attach(struct session *s, const struct container *c, bool *ret_asked, struct err *err) {
	autofree char *session = name_tmux_session(c->name), *target = xasprintf("=%s", session);
	char *const argv[] = { (char *)"tmux", (char *)"-u", (char *)"attach-session",
			       (char *)"-t", target, NULL };
	struct exec_request request = { .argv = argv, .as_code = true, .tty = true,
					.ret_asked = ret_asked };
	int r = exec_run(s, c, &request, err);

	return r == 127 ? no_tmux(c, err) : r;
}

/* As long as the terminal hands over lines, whoever is to read it has not taken it over yet. */
static const char wait_script[] =
	"t=$(tmux display-message -p -t \"$1\" '#{pane_tty}') || exit 0\n"
	"i=0\n"
	"while [ $i -lt 50 ] && stty -a -F \"$t\" 2>/dev/null | tr ' ' '\\n' | grep -qx icanon; do\n"
	"	sleep 0.1\n"
	"	i=$((i + 1))\n"
	"done\n";

/*
 * An agent that is just starting would read Enter as a new line in its text: the terminal
 * turns the one into the other until it is told not to. Who takes lines for good is
 * waited for in the first seconds only.
 */
static int wait_ready(struct session *s, const struct container *c, const char *target,
		      struct err *err) {
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)wait_script, (char *)"sh",
			       (char *)target, NULL };
	int64_t age = clock_real_ms() - c->session_since_ms;
	autobuf struct buf out = { 0 };
	int r;

	if (age < 0 || age > STARTING_MS)
		return 0;
	buf_init(&out, OUTPUT_MAX);
	r = ask(s, c, argv, &out, err);
	return r > 0 ? 0 : r;
}

int tmux_send(struct session *s, const struct container *c, const char *text, struct err *err) {
	autofree char *session = name_tmux_session(c->name), *target = xasprintf("=%s:", session);
	/* -l: no key names in the text; "--": it may begin with a dash. */
	char *const type[] = { (char *)"tmux", (char *)"send-keys", (char *)"-t", target,
			       (char *)"-l", (char *)"--", (char *)text, NULL };
	char *const enter[] = { (char *)"tmux", (char *)"send-keys", (char *)"-t", target,
				(char *)"Enter", NULL };
	autobuf struct buf out = { 0 };
	int r;

	buf_init(&out, OUTPUT_MAX);
	r = wait_ready(s, c, target, err);
	if (r == 0)
		r = ask(s, c, type, &out, err);
	if (r == 0)
		r = ask(s, c, enter, &out, err);
	return r > 0 ? err->code : r;
}

int tmux_capture(struct session *s, const struct container *c, struct buf *out, struct err *err) {
	autofree char *session = name_tmux_session(c->name), *target = xasprintf("=%s:", session);
	char *const argv[] = { (char *)"tmux", (char *)"capture-pane", (char *)"-p", (char *)"-t",
			       target, NULL };
	int r = ask(s, c, argv, out, err);

	return r > 0 ? err->code : r;
}

/* Lines come from here when the screen has changed; it ends when that has not happened for long. */
static const char watch_script[] =
	"old= still=0 all=0\n"
	"while [ $still -lt 25 ] && [ $all -lt 1000 ]; do\n"
	"	new=$(tmux capture-pane -p -t \"$1\") || exit 0\n"
	"	if [ \"$new\" != \"$old\" ]; then echo; old=$new still=0\n"
	"	elif [ -n \"$new\" ]; then still=$((still + 1)); fi\n"
	"	all=$((all + 1))\n"
	"	sleep 0.02\n"
	"done\n";

int tmux_watch(struct session *s, const struct container *c,
	       void (*changed)(const char *line, void *data), void *data, struct err *err) {
	autofree char *session = name_tmux_session(c->name), *target = xasprintf("=%s:", session);
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)watch_script, (char *)"sh", target,
			       NULL };
	int r = exec_lines(s, c, &(struct exec_request){ .argv = argv, .as_code = true }, changed,
			   data, err);

	return r < 0 ? r : 0;
}
