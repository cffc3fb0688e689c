/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reverse shells that leave no doubt: a shell that is given to the network. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/rule.h"

static const struct command *top(const struct exec_input *in) {
	return in->all->count ? &in->all->items[0] : NULL;
}

static bool is_shell(const char *program) {
	return command_language(program) == LANGUAGE_SHELL;
}

/* A path, or a name alone, of a shell. */
static bool names_shell(const char *word) {
	return is_shell(path_base(word));
}

/* -i, alone or with others: -li. */
static bool is_interactive(const struct command *c) {
	for (size_t i = 1; c->words && c->words[i]; i++) {
		const char *w = c->words[i];

		if ((w[0] != '-' && w[0] != '+') || !w[1])
			return false;
		if (w[1] != '-' && strchr(w, 'i'))
			return true;
		/* -o vi */
		if (w[1] != '-' && (strchr(w, 'o') || strchr(w, 'O')) && c->words[i + 1])
			i++;
	}
	return false;
}

/* --- a shell that was born on a socket */

static bool is_shell_process(const struct exec_input *in) {
	for (size_t i = 0; i < in->all->count && in->all->items[i].is_top; i++)
		if (is_shell(in->all->items[i].program))
			return true;
	return false;
}

static bool match_shell_on_socket(const struct exec_input *in, struct buf *indicator) {
	const struct watch_exec *e = &in->event->exec;

	for (int fd = 0; fd < 3; fd++) {
		if (e->streams[fd] != WATCH_STREAM_REMOTE || !is_shell_process(in))
			continue;
		buf_addf(indicator, "descriptor %d is a socket of a network", fd);
		return true;
	}
	return false;
}

/* --- /dev/tcp */

static bool is_net_path(const char *path) {
	return starts_with(path, "/dev/tcp/") || starts_with(path, "/dev/udp/");
}

/* What a command of a script does with the network that the shell itself opens. */
static bool touches_network(const struct command *c) {
	for (size_t i = 0; i < c->redirect_count; i++)
		if (is_net_path(c->redirects[i].target))
			return true;
	for (size_t i = 1; c->words && c->words[i]; i++)
		if (is_net_path(c->words[i]))
			return true;
	return false;
}

static bool is_local_target(const struct command *c) {
	for (size_t i = 0; i < c->redirect_count; i++) {
		const char *host = c->redirects[i].target + sizeof("/dev/tcp/") - 1;

		if (is_net_path(c->redirects[i].target) &&
		    !host_is_loopback(host, strcspn(host, "/")))
			return false;
	}
	return c->redirect_count > 0;
}

/* Descriptors above the standard ones are what a script opened before. */
static bool uses_descriptor(const struct command *c) {
	for (size_t i = 0; i < c->redirect_count; i++) {
		const struct redirect *r = &c->redirects[i];

		if (r->op[1] == '&' && strspn(r->target, "0123456789") == strlen(r->target) &&
		    strtoul(r->target, NULL, 10) > 2)
			return true;
	}
	return false;
}

/* Does it run what comes in? */
static bool runs_text(const struct command *c) {
	static const char *const programs[] = { "eval", "source", ".", "xargs", NULL };

	return c->is_unknown || word_in(c->program, programs) ||
	       (command_language(c->program) != LANGUAGE_NONE &&
	        (shell_reads_input(c) || command_language(c->program) != LANGUAGE_SHELL));
}

/* Whether the port is open, and nothing else: nothing goes over it. */
static bool is_probe(const struct command *c) {
	static const char *const quiet[] = { "", ":", "true", "exec", "echo", NULL };

	if (!word_in(c->program, quiet))
		return false;
	return strcmp(c->program, "echo") != 0 || !c->words[1] || !c->words[2];
}

/* 0: nothing of the kind; 1: a probe, or to this machine; 2: data; 3: what runs them. */
static int net_script(const struct exec_input *in, struct buf *indicator) {
	int worst = 0;

	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];
		bool runs = false, carries = false;

		if (c->is_top || !touches_network(c))
			continue;
		carries = !is_probe(c);
		for (size_t k = 0; k < in->all->count; k++) {
			const struct command *o = &in->all->items[k];

			if (o->is_top || o->script != c->script)
				continue;
			runs |= runs_text(o);
			carries |= o != c && uses_descriptor(o);
		}
		if (runs || carries)
			add_command(indicator, c);
		if (runs)
			worst = 3;
		else if (worst < 2)
			worst = carries && !is_local_target(c) ? 2 : worst < 1 ? 1 : worst;
	}
	return worst;
}

static bool match_dev_tcp_shell(const struct exec_input *in, struct buf *indicator) {
	return net_script(in, indicator) == 3;
}

static bool match_dev_tcp(const struct exec_input *in, struct buf *indicator) {
	return net_script(in, indicator) == 2;
}

/* --- nc -e and its kin */

static const char *const netcats[] = { "nc",         "ncat",   "netcat",   "nc.traditional",
	                               "nc.openbsd", "pwncat", "cryptcat", "dbd",
	                               "sbd",        NULL };

/* Short options of netcats whose word may follow in the same one. */
#define NETCAT_VALUES "gGiImMOpPqrsTVwWXxbodD"

/* The program that a netcat is to start; NULL: none. */
static const char *netcat_program(char *const *words) {
	static const char *const names[] = { "--exec", "--sh-exec", "--lua-exec", NULL };

	for (size_t i = 1; words[i]; i++) {
		const char *w = words[i];

		if (w[0] != '-' || !w[1])
			continue;
		for (const char *const *n = names; *n; n++)
			if (starts_with(w, *n) && (w[strlen(*n)] == '=' || !w[strlen(*n)]))
				return w[strlen(*n)] ? w + strlen(*n) + 1 : words[i + 1];
		if (w[1] == '-')
			continue;
		for (const char *l = w + 1; *l && !strchr(NETCAT_VALUES, *l); l++) {
			const char *value = l[1] ? l + 1 : words[i + 1];

			/* In some versions -c means something else, without a word. */
			if (value && (*l == 'e' ||
			              (*l == 'c' && (names_shell(value) || strpbrk(value, "/ ")))))
				return value;
		}
	}
	return NULL;
}

static bool match_netcat(const struct exec_input *in, struct buf *indicator) {
	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];

		if (!c->words || !word_in(c->program, netcats) || !netcat_program(c->words))
			continue;
		add_command(indicator, c);
		return true;
	}
	return false;
}

/* Whatever its name: a shell behind -e, an address and a port. */
static bool match_copy(const struct exec_input *in, struct buf *indicator) {
	const struct command *c = top(in);
	const char *shell = c && c->words ? netcat_program(c->words) : NULL;
	bool has_host = false, has_port = false;

	if (!shell || !names_shell(shell) || word_in(c->program, netcats))
		return false;
	for (size_t i = 1; c->words[i]; i++) {
		has_port |= word_is_port(c->words[i]);
		has_host |= word_is_host(c->words[i]);
	}
	if (has_host && has_port)
		add_command(indicator, c);
	return has_host && has_port;
}

/* ncat is made for this; what it is ordinarily used for is to look whether a port is open. */
static bool match_ncat(const struct exec_input *in, struct buf *indicator) {
	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];
		bool is_local = false, has_host = false;

		if (!c->words || strcmp(c->program, "ncat") != 0 || !is_net_client(c) ||
		    netcat_program(c->words))
			continue;
		for (size_t k = 1; c->words[k]; k++) {
			is_local |= host_is_loopback(c->words[k], strlen(c->words[k]));
			has_host |= word_is_host(c->words[k]);
		}
		if (!has_host || is_local)
			continue;
		add_command(indicator, c);
		return true;
	}
	return false;
}

/* --- socat */

/* EXEC and a network, whatever the program is called. */
static bool match_socat(const struct exec_input *in, struct buf *indicator) {
	static const char *const runs[] = { "exec:", "system:", "shell:", NULL };
	static const char *const nets[] = { "tcp",   "udp",    "ssl:",  "openssl", "sctp",
		                            "vsock", "proxy:", "socks", "dccp",    NULL };

	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];
		bool has_run = false, has_net = false;

		for (size_t k = 1; c->words && c->words[k]; k++) {
			for (const char *const *r = runs; *r; r++)
				has_run |= starts_with_any_case(c->words[k], *r);
			for (const char *const *n = nets; *n; n++)
				has_net |= starts_with_any_case(c->words[k], *n) &&
				           strchr(c->words[k], ':');
		}
		if (!has_run || !has_net)
			continue;
		add_command(indicator, c);
		return true;
	}
	return false;
}

/* --- a shell and a program of the network, one at each end of a pipe */

/* The path that a command reads or writes, a FIFO perhaps. */
static const char *shared_path(const struct command *a, const struct command *b) {
	for (size_t i = 0; i < a->redirect_count; i++)
		for (size_t k = 0; k < b->redirect_count; k++)
			if (a->redirects[i].op[1] != '&' && a->redirects[i].target[0] &&
			    !strcmp(a->redirects[i].target, b->redirects[k].target) &&
			    strcmp(a->redirects[i].target, "/dev/null") != 0)
				return a->redirects[i].target;
	return NULL;
}

static bool match_piped_shell(const struct exec_input *in, struct buf *indicator) {
	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *shell = &in->all->items[i];

		/* Text that is known is a script like any other. */
		if (shell->is_top || !shell_reads_input(shell) || shell->input)
			continue;
		for (size_t k = 0; k < in->all->count; k++) {
			const struct command *net = &in->all->items[k];

			if (net->is_top || net->script != shell->script || !is_net_client(net))
				continue;
			if (net->pipeline != shell->pipeline && !shared_path(net, shell))
				continue;
			add_command(indicator, net);
			add_command(indicator, shell);
			return true;
		}
	}
	return false;
}

/* --- an interactive shell whose input is no terminal */

static bool match_interactive(const struct exec_input *in, struct buf *indicator) {
	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];
		const struct redirect *r = command_redirect(c, 0);

		if (c->is_top || !is_shell(c->program) || !is_interactive(c) || !r)
			continue;
		if (!(r->op[1] == '&' && strtoul(r->target, NULL, 10) > 2) &&
		    !is_net_path(r->target))
			continue;
		add_command(indicator, c);
		return true;
	}
	return false;
}

static bool match_interactive_pipe(const struct exec_input *in, struct buf *indicator) {
	if (in->event->exec.streams[0] != WATCH_STREAM_PIPE)
		return false;
	for (size_t i = 0; i < in->all->count && in->all->items[i].is_top; i++) {
		const struct command *c = &in->all->items[i];

		if (!is_shell(c->program) || !is_interactive(c) || !shell_reads_input(c))
			continue;
		buf_adds(indicator, "its input is a pipe");
		return true;
	}
	return false;
}

static bool match_fork_bomb(const struct exec_input *in, struct buf *indicator) {
	if (in->all->is_fork_bomb)
		buf_adds(indicator, "a function that starts itself twice");
	return in->all->is_fork_bomb;
}

#define CRITICAL_PROCESS .level = AUDIT_CRITICAL, .category = AUDIT_PROCESS

const struct exec_rule rules_shell[] = {
	{ "reverse-shell.socket", CRITICAL_PROCESS, "Reverse shell",
	  "a shell was started whose input or output is a network connection",
	  match_shell_on_socket },
	{ "reverse-shell.dev-tcp", CRITICAL_PROCESS, "Reverse shell",
	  "a shell runs what comes over /dev/tcp or /dev/udp", match_dev_tcp_shell },
	{ "reverse-shell.dev-tcp-data", CRITICAL_PROCESS, "Connection by the shell itself",
	  "a shell sends or receives over /dev/tcp or /dev/udp", match_dev_tcp },
	{ "reverse-shell.netcat", CRITICAL_PROCESS, "Reverse shell",
	  "netcat is told to run a program on its connection", match_netcat },
	{ "reverse-shell.copy", CRITICAL_PROCESS, "Reverse shell",
	  "a program under another name is given a shell, an address and a port", match_copy },
	{ "reverse-shell.socat", CRITICAL_PROCESS, "Reverse shell",
	  "socat is told to run a program on its connection", match_socat },
	{ "reverse-shell.pipe", CRITICAL_PROCESS, "Reverse shell",
	  "a shell reads from, or writes to, a program that is connected to the network",
	  match_piped_shell },
	{ "reverse-shell.interactive", CRITICAL_PROCESS, "Reverse shell",
	  "an interactive shell is connected to a descriptor that a script opened",
	  match_interactive },
	{ "ncat", .level = AUDIT_HIGH, .category = AUDIT_PROCESS, "Connection by ncat",
	  "ncat connects to another machine", match_ncat },
	{ "fork-bomb", .level = AUDIT_HIGH, .category = AUDIT_PROCESS, "Fork bomb",
	  "a shell function that does nothing but multiply", match_fork_bomb },
	{ "shell.interactive-pipe", .level = AUDIT_WARNING, .category = AUDIT_PROCESS,
	  "Interactive shell on a pipe", "an interactive shell reads from a pipe",
	  match_interactive_pipe },
	{ 0 },
};
