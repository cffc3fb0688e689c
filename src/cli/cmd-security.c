/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which system calls, capabilities and listed files a container has not, and why. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "runtime/caps.h"
#include "runtime/selinux.h"
#include "session/security.h"

#define EXIT_NOT_AS_MEANT 1
#define ROWS_MAX 256

static const struct surface_call *call_of(const void *row) {
	return row;
}

static const struct caps_row *cap_of(const void *row) {
	return row;
}

static json_t *call_name(const void *row) {
	return json_string(call_of(row)->name);
}

static json_t *call_error(const void *row) {
	return json_string(call_of(row)->error == ENOSYS ? "ENOSYS" : "EPERM");
}

static json_t *call_why(const void *row) {
	return json_string(call_of(row)->why);
}

static json_t *call_since(const void *row) {
	return json_string(surface_to_string(call_of(row)->since));
}

static const struct output_column call_columns[] = {
	{ "call", "CALL", call_name, NULL },
	{ "error", "ERROR", call_error, NULL },
	{ "mode", "MODE", call_since, NULL },
	{ "why", "WHY", call_why, NULL },
	{ NULL, NULL, NULL, NULL },
};

static json_t *cap_name(const void *row) {
	return json_string(cap_of(row)->name);
}

static json_t *cap_stays(const void *row) {
	return json_boolean(cap_of(row)->stays);
}

static char *cap_stays_text(const void *row) {
	return xstrdup(cap_of(row)->stays ? "yes" : "no");
}

static json_t *cap_why(const void *row) {
	return json_string(cap_of(row)->why);
}

static const struct output_column cap_columns[] = {
	{ "capability", "CAPABILITY", cap_name, NULL },
	{ "stays", "STAYS", cap_stays, cap_stays_text },
	{ "why", "WHY", cap_why, NULL },
	{ NULL, NULL, NULL, NULL },
};

struct shown {
	const struct container *c; /* NULL: of the settings here */
	enum surface surface;
	bool nests;
	struct security_seen seen;
	struct security_block block;
	enum selinux selinux;
	char *label; /* of its first process, by whatever module; NULL: none */
	const void *calls[ROWS_MAX];
	size_t call_count;
	const void *caps[ROWS_MAX];
};

static void take_rows(struct shown *s) {
	for (const struct surface_call *c = surface_calls; c->name; c++)
		if (c->since <= s->surface && s->call_count < ROWS_MAX)
			s->calls[s->call_count++] = c;
	for (size_t i = 0; i < caps_count; i++)
		s->caps[i] = &caps_rows[i];
}

static const char *const selinux_words[] = {
	[SELINUX_OFF] = "off",
	[SELINUX_NO_TYPE] = "unlabelled",
	[SELINUX_ON] = "labelled",
};

static json_t *seen_json(const struct shown *s) {
	autofree char *bounding = xasprintf("%016" PRIx64, s->seen.bounding);

	return json_pack("{s:i, s:b, s:i, s:s, s:b, s:s?}", "pid", (int)s->c->init.pid, "filtered",
			 s->seen.is_filtered, "filters", (int)s->seen.filters, "bounding", bounding,
			 "as_meant", s->seen.is_as_meant, "label", s->label);
}

static json_t *block_json(const struct security_block *b) {
	json_t *j = json_pack("{s:s, s:I, s:I}", "mode", b->is_on ? "refuse" : "off", "secrets",
			      (json_int_t)b->secrets, "tools", (json_int_t)b->tools);

	(void)json_object_set_new(j, "kernel",
				  b->kernel == SECURITY_CAN_UNKNOWN ?
					  json_null() :
					  json_boolean(b->kernel == SECURITY_CAN));
	return j;
}

static json_t *shown_json(const struct shown *s) {
	json_t *j = json_pack("{s:s, s:b, s:o, s:o, s:o}", "mode", surface_to_string(s->surface),
			      "nesting", s->nests, "block", block_json(&s->block), "refused",
			      output_json_rows(call_columns, s->calls, s->call_count),
			      "capabilities", output_json_rows(cap_columns, s->caps, caps_count));

	(void)json_object_set_new(j, "selinux", json_string(selinux_words[s->selinux]));
	if (s->c) {
		(void)json_object_set_new(j, "name", json_text(s->c->name));
		(void)json_object_set_new(j, "process", seen_json(s));
	}
	return j;
}

static void print_block(const struct security_block *b) {
	static const char *const can[] = {
		[SECURITY_CAN_NOT] = "which this kernel can NOT do",
		[SECURITY_CAN] = "which this kernel can do",
		[SECURITY_CAN_UNKNOWN] = "if this kernel can do it: only root is told",
	};

	if (b->is_on)
		output_line("Refused before it is opened: %zu secret paths and %zu tools, %s",
			    b->secrets, b->tools, can[b->kernel]);
	else
		output_line("Refused before it is opened: nothing (monitoring.block), %s",
			    can[b->kernel]);
}

static void print_selinux(const struct shown *s) {
	autofree char *module = security_selinux_module();

	if (s->selinux == SELINUX_NO_TYPE)
		output_line("SELinux: containers get no label: semodule -i %s", module);
	else if (s->selinux == SELINUX_ON && s->c)
		output_line("SELinux: %s", s->label ? s->label : "no label");
	else if (s->selinux == SELINUX_ON)
		output_line("SELinux: containers get a label");
}

static void print(const struct shown *s) {
	if (s->c)
		output_line("Name: %s", s->c->name);
	output_line("System calls: %s%s", surface_to_string(s->surface),
		    s->c ? "" : ", as the settings here say");
	output_line("Containers inside: %s", s->nests ? "yes" : "no");
	print_block(&s->block);
	print_selinux(s);
	if (s->c) {
		output_line("Process 1: %s, capabilities %016" PRIx64,
			    s->seen.is_filtered ? "under a policy of system calls" :
						  "NO policy of system calls",
			    s->seen.bounding);
		output_line("As meant: %s", s->seen.is_as_meant ? "yes" : "NO");
	}
	output_line("%s", "");
	output_table(call_columns, s->calls, s->call_count);
	output_line("%s", "");
	output_table(cap_columns, s->caps, caps_count);
}

/* @ret_c: borrowed by @s. */
static int fill_running(struct cli *cli, struct shown *s, struct container **ret_c,
			struct err *err) {
	int r = privilege_need_root(cli->who, "look at a container", err);

	if (r == 0)
		r = app_open_session(cli, err);
	if (r == 0)
		r = resolve_container(cli, app_word(cli, 0), RESOLVE_RUNNING, ret_c, err);
	if (r < 0)
		return r;
	s->label = selinux_label_of((*ret_c)->init.pid);
	/* After all that is asked of it: it was the one that is meant. */
	r = security_look(*ret_c, &s->seen, err);
	if (r < 0)
		return r;
	s->c = *ret_c;
	s->surface = s->c->surface;
	s->nests = s->c->nesting && surface_nests(s->surface);
	return 0;
}

static void fill_block(struct cli *cli, struct shown *s) {
	auto_monitoring_plan struct monitoring_plan plan = { 0 };

	/* One that was started without has none stored. */
	if (s->c)
		(void)monitoring_load(cli->session, s->c->name, &plan);
	else
		monitoring_from_settings(cli->settings, &plan);
	security_block(&plan, cli->who->is_root, &s->block);
}

static int show_run(struct cli *cli, const void *args, struct err *err) {
	auto_container struct container *c = NULL;
	struct shown s = { .surface = security_surface(cli->settings) };
	int r;

	(void)args;
	s.nests = cli->settings->container.docker && surface_nests(s.surface);
	r = selinux_look(NULL, &s.selinux, err);
	if (r == 0 && app_word(cli, 0))
		r = fill_running(cli, &s, &c, err);
	if (r == 0) {
		take_rows(&s);
		fill_block(cli, &s);
		if (cli->json)
			r = output_document(shown_json(&s), err);
		else
			print(&s);
	}
	free(s.label);
	return r < 0 ? r : s.c && !s.seen.is_as_meant ? EXIT_NOT_AS_MEANT : 0;
}

static const struct cli_argument show_arguments[] = {
	{ "container", ARGUMENT_OPTIONAL, COMPLETE_RUNNING,
	  "Its name, or an alias; without one, what the settings here would give" },
	{ NULL },
};

static const struct cli_example show_examples[] = {
	{ "coi security show", "What a container started here is refused." },
	{ "coi security show web", "What that one was started with, and what the kernel says." },
	{ NULL },
};

static const struct cli_command security_show = {
	.name = "show",
	.group = GROUP_CONTAINER,
	.summary = "print which system calls, capabilities and files are refused",
	.description =
		"Of a running container also what the kernel says of its first process; when that "
		"is not as meant (no policy in force, a capability too many), the exit status is "
		"1. Capabilities are those of the container's own user namespace.\n\n"
		"The column MODE says from which mode on a call is refused: "
		"security.reduce_kernel_surface refuses io_uring, bpf, userfaultfd and key rings "
		"too, and with them containers in the container; "
		"security.reduce_kernel_surface_strict also performance counters.\n\n"
		"Files that monitoring.block lists are counted as they are listed, and whether the "
		"kernel can ask before one is opened, without which none of it is refused and no "
		"container starts.",
	.arguments = show_arguments,
	.examples = show_examples,
	.flags = COMMAND_CONFIG | COMMAND_FORMAT | COMMAND_LOOKS | COMMAND_EXPLAINS,
	.run = show_run,
};

static const struct cli_command *const security_children[] = { &security_show, NULL };

const struct cli_command cmd_security = {
	.name = "security",
	.group = GROUP_CONTAINER,
	.summary = "see what keeps a container from the kernel",
	.children = security_children,
};
