/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands as a person would type them. */
#include "base/mem.h"
#include "base/strv.h"
#include "monitor/command.h"

void command_add_redirect(struct buf *out, const struct redirect *r, const char *blank) {
	bool is_usual = r->fd == (*r->op == '<' ? 0 : 1);

	if (r->fd == -1)
		buf_addf(out, " %s%s%s", r->op[1] == '>' ? "&>>" : ">&", blank, r->target);
	else if (is_usual)
		buf_addf(out, " %s%s%s", r->op, blank, r->target);
	else
		buf_addf(out, " %d%s%s%s", r->fd, r->op, blank, r->target);
}

void command_add_line(struct buf *out, const struct command *c) {
	autofree char *words = c->words ? strv_to_shell(c->words) : xstrdup("");

	buf_adds(out, words);
	for (size_t i = 0; i < c->redirect_count; i++)
		command_add_redirect(out, &c->redirects[i], "");
}
