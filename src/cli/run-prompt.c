/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/run-prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/changed.h"
#include "cli/output.h"
#include "session/exec.h"
#include "session/tool/prepare.h"

#define PROMPT_MAX (1 << 20)
#define RESULT_MAX (16 << 20)

void run_prompt_done(struct run_prompt *p) {
	free(p->text);
	tool_free(p->tool);
	*p = (struct run_prompt){ 0 };
}

bool run_prompt_wanted(const struct run_args *args) {
	return args->prompt || args->prompt_file || args->prompt_name;
}

int run_prompt_check(const struct cli *cli, const struct run_args *args, struct err *err) {
	int count = !!args->prompt + !!args->prompt_file + !!args->prompt_name;

	if (count > 1)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'--prompt', '--prompt-file' and '--prompt-name' exclude each other");
	if (count && cli->parsed.word_count)
		return err_set(err, ERR_USAGE, -EINVAL, "a prompt and a command exclude each other");
	if (!count && args->format)
		return err_set(err, ERR_USAGE, -EINVAL, "'--format' is for prompts");
	if (!count && !cli->parsed.word_count)
		/* 1 as in 0.9, which wants an argument */
		return err_set(err, ERR_MISSING, -EINVAL, "there is neither a command nor a prompt");
	return 0;
}

/* With the person's rights. */
static int read_file(const struct cli *cli, const char *path, char **ret, struct err *err) {
	struct buf b;
	int r;

	privilege_person_begin(cli->who);
	r = file_read_at(AT_FDCWD, path, PROMPT_MAX, &b);
	privilege_person_end(cli->who);
	if (r < 0) {
		(void)err_sys(err, r, "cannot read the prompt '%s'", path);
		err->kind = ERR_USAGE;
		return r;
	}
	*ret = buf_steal(&b);
	return 0;
}

static int find_name(const struct cli *cli, const char *name, char **ret, struct err *err) {
	int r = config_prompt(cli->config, cli->who, name, ret, err);

	if (r < 0)
		err->kind = ERR_USAGE;
	return r < 0 ? r : 0;
}

int run_prompt_load(struct cli *cli, const struct run_args *args, struct run_prompt *ret,
		    struct err *err) {
	auto_run_prompt struct run_prompt p = { 0 };
	int r = 0;

	if (args->prompt)
		p.text = xstrdup(args->prompt);
	else if (args->prompt_file)
		r = read_file(cli, args->prompt_file, &p.text, err);
	else
		r = find_name(cli, args->prompt_name, &p.text, err);
	if (r < 0)
		return r;
	if (!p.text[strspn(p.text, " \t\r\n")])
		return err_set(err, ERR_USAGE, -EINVAL, "the prompt is empty");
	r = tool_load(cli->settings, NULL, &p.tool, err);
	if (r < 0)
		return r;
	if (!p.tool->prompt)
		return err_set(err, ERR_USAGE, -EOPNOTSUPP,
			       "the tool '%s' cannot be asked without a terminal", p.tool->name);
	if (cli->settings->tool.permission_mode == PERMISSION_INTERACTIVE)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "there is nobody to ask for permission: tool.permission_mode is "
			       "'interactive'");
	p.json = args->format && !strcmp(args->format, "json");
	saved_id_new(p.id);
	*ret = p;
	p = (struct run_prompt){ 0 };
	return 0;
}

/* As a file without a name, which the command inside may hold. */
static int text_fd(const char *text, struct err *err) {
	autoclose int fd = memfd_create("prompt", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));

	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, r < 0 ? r : -errno, "cannot pass on the prompt");
	return steal_fd(&fd);
}

static int print_result(const struct cli *cli, const struct run_prompt *p, const struct buf *out,
			int status, const struct timespec *since, uint64_t ms, struct err *err) {
	json_t *doc = json_object();

	(void)json_object_set_new(doc, "result", json_text(out->data ? out->data : ""));
	(void)json_object_set_new(doc, "exit_code", json_integer(status));
	(void)json_object_set_new(doc, "duration_ms", json_integer((json_int_t)ms));
	(void)json_object_set_new(doc, "session_id", json_text(p->id));
	(void)json_object_set_new(doc, "tool", json_text(p->tool->name));
	(void)json_object_set_new(doc, "files_changed", changed_files(cli->workspace, since));
	return output_document(doc, err);
}

int run_prompt_ask(struct cli *cli, const struct run_prompt *p, const struct launched *l,
		   char *const *env, int grace_ms, struct err *err) {
	const struct tool_request tool = { .how = TOOL_PROMPT,
					   .id = p->id,
					   .prompt = p->tool->prompt_stdin ? NULL : p->text,
					   .is_known = l->reused,
					   .environment = env };
	auto_tool_prepared struct tool_prepared prepared = { 0 };
	autoclose int input = text_fd(p->tool->prompt_stdin ? p->text : "", err);
	autobuf struct buf out;
	struct timespec since = { 0 };
	uint64_t start = clock_mono_ms();
	struct exec_request request;
	int r = input < 0 ? input
			  : tool_prepare(cli->session, l->container, p->tool, &tool, &prepared, err);

	buf_init(&out, RESULT_MAX);
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &since);
	if (r < 0)
		return r;
	request = (struct exec_request){ .argv = prepared.argv,
					 .env = prepared.env,
					 .as_code = true,
					 .session_env = true,
					 .grace_ms = grace_ms,
					 .input_fd = input };
	if (!p->json)
		return exec_run(cli->session, l->container, &request, err);
	r = exec_capture(cli->session, l->container, &request, &out, NULL, err);
	if (r >= 0 && print_result(cli, p, &out, r, &since, clock_mono_ms() - start, err) < 0)
		r = err->code;
	return r;
}
