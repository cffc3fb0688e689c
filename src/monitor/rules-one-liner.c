/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Program texts on a command line (python -c) that connect and run a shell.
 *
 * A colon, a socket or a subprocess alone mean nothing: agents write such lines
 * all day. It takes one that connects and one that runs a program, and when the
 * latter may be anything, a host that is not this machine.
 */
#include <string.h>

#include "base/mem.h"
#include "monitor/rule.h"

/* All texts are compared in lower case and without blanks (detect-exec.c). */

/* Connects to somebody. */
static const char *const connects[] = {
	"socket.socket(",
	"create_connection(",
	".connect(",
	".connect_ex(",
	"open_connection(",
	"tcpsocket",
	"udpsocket",
	"io::socket",
	"fsockopen(",
	"stream_socket_client(",
	"socket_create(",
	"socket_connect(",
	"net.socket",
	"net.connect",
	"createconnection(",
	"net').connect(",
	"net\").connect(",
	"net').socket",
	"net\").socket",
	"tls.connect",
	"/dev/tcp/",
	"/dev/udp/",
	"/inet/tcp/",
	"/inet/udp/",
	"/inet4/",
	"socket.tcp(",
	"sockaddr_in(",
	"inet_aton(",
	"connect(s",
	"connect(sock",
	"net::socket",
	"deno.connect(",
	"bun.connect(",
	"socketpp",
	"socketchannel",
	"socket.new",
	"socket($",
	"websocket(",
	NULL,
};

/* Binds what it runs to a descriptor, or is a shell: there is no other use for it. */
static const char *const shells[] = {
	"dup2(",           "pty.spawn",      "/bin/sh",
	"/bin/bash",       "/bin/ash",       "/bin/dash",
	"/bin/zsh",        "/bin/ksh",       "'sh','-i'",
	"\"sh\",\"-i\"",   "\"sh\",[",       "'sh',[",
	"\"bash\",[",      "'bash',[",       "'bash','-i'",
	"\"bash\",\"-i\"", "stdin.reopen",   "reopen(",
	"open(stdin,\">&", "open(stdin,'>&", "sh-i",
	"bash-i",          "pipe(sh.stdin",  ".pipe(sh",
	"|getline",        "|&getline",      "print|&",
	"cmd.exe",         "powershell",     "exec(\"sh\")",
	"spawn(\"sh\"",    "spawn('sh'",     "system(\"sh\"",
	"popen(\"sh\"",    "exec(s.recv",    "system(s.recv",
	"exec(recv",       "eval(s.recv",    NULL,
};

/* Runs some program or other. */
static const char *const runs[] = {
	"subprocess", "os.system",    "os.popen",    "os.exec",    "os.spawn",  "child_process",
	"spawn(",     "execfile(",    "shell_exec(", "proc_open(", "passthru(", "system(",
	"popen(",     "popen3",       "exec(",       "exec\"",     "exec'",     "%x{",
	"%x(",        "io.popen",     "os.execute",  "execve(",    "execl(",    "kernel.exec",
	"deno.run",   "deno.command", "bun.spawn",   "eval(",      NULL,
};

/*
 * 0: nothing; 1: it runs programs and names an address; 2: it connects and runs
 * programs; 3: it does so with a shell.
 */
static int judge(const char *text, struct buf *indicator) {
	const char *net = contains_any(text, connects), *shell = contains_any(text, shells);
	const char *run = contains_any(text, runs);
	size_t len = 0;
	bool is_local;
	const char *host = find_remote(text, &len, &is_local);
	int verdict = 0;

	if (net && shell)
		verdict = 3;
	else if (net && run && (host || !is_local))
		verdict = 2;
	else if (host && shell)
		verdict = 2;
	else if (host && run)
		verdict = 1;
	if (!verdict)
		return 0;
	buf_addf(indicator, "%s%s%s", net ? net : "", net ? " and " : "", shell ? shell : run);
	if (host)
		buf_addf(indicator, " with %.*s", (int)len, host);
	return verdict;
}

static int judge_all(const struct exec_input *in, struct buf *indicator) {
	int worst = 0;

	for (size_t i = 0; i < in->all->code_count; i++) {
		autobuf struct buf one;
		int v;

		buf_init(&one, FINDING_INDICATOR_MAX);
		v = judge(in->squeezed[i], &one);
		if (v <= worst)
			continue;
		worst = v;
		buf_reset(indicator);
		buf_adds(indicator, one.data);
	}
	return worst;
}

static bool match_shell(const struct exec_input *in, struct buf *indicator) {
	return judge_all(in, indicator) >= 2;
}

static bool match_address(const struct exec_input *in, struct buf *indicator) {
	return judge_all(in, indicator) == 1;
}

/* Both obey monitoring.reverse_shell_one_liners (detect-exec.c). */
const struct exec_rule rules_one_liner[] = {
	{ "one-liner.reverse-shell", .level = AUDIT_CRITICAL, .category = AUDIT_PROCESS,
	  "Reverse shell in one line",
	  "a program text on the command line connects to the network and runs programs",
	  match_shell },
	{ "one-liner.address", .level = AUDIT_WARNING, .category = AUDIT_PROCESS,
	  "One-liner with an address",
	  "a program text on the command line runs programs and names another machine",
	  match_address },
	{ 0 },
};
