/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events compared with rules. A process is looked at as it was started, and as each of
 * the commands that its text comes down to (command.h): quotes, variables and wrappers
 * hide nothing.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/command.h"
#include "monitor/pattern/set-private.h"
#include "monitor/rule.h"

#define VIEWS_MAX 64
#define IMAGES_MAX 4
#define TEXT_MAX (128 * 1024) /* bytes of a command line that are compared */
#define SQUEEZED_MAX 512      /* words of a command that are compared one by one */

/* Owned text, and the same in lower case. */
struct text {
	char *text, *low;
	size_t len;
};

struct view {
	struct text images[IMAGES_MAX]; /* names that it may have */
	size_t image_count;
	struct text command;
};

struct subject {
	struct view views[VIEWS_MAX];
	size_t view_count;
	struct text parent_image, parent_command, user, uid;
	const struct commands *all;
	bool is_root; /* or runs something by sudo */
	bool has_parent;
	bool is_unknown; /* something was asked for that is not known */
	struct pattern_budget budget;
};

/* --- making */

static char *lower(const char *text) {
	char *low = xstrdup(text);

	for (char *c = low; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return low;
}

static struct text take_text(char *text) {
	return (struct text){ .text = text, .low = lower(text), .len = strlen(text) };
}

static void text_done(struct text *t) {
	free(t->text);
	free(t->low);
}

static void add_image(struct view *v, char *path) {
	if (v->image_count < IMAGES_MAX && *path)
		v->images[v->image_count++] = take_text(path);
	else
		free(path);
}

/* What there is room for. */
static void add_cut(struct buf *b, const char *text) {
	buf_add(b, text, strnlen(text, b->max - b->len));
}

static char *join(char *const *words, size_t count) {
	struct buf b;

	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i < count && b.len < TEXT_MAX; i++) {
		if (i)
			add_cut(&b, " ");
		add_cut(&b, words[i]);
	}
	return buf_steal(&b);
}

/* As it was started: its own name, and that of the file behind it. */
static void add_process(struct subject *s, const struct watch_exec *exec) {
	struct view *v = &s->views[s->view_count++];
	const char *exe = *exec->exe ? exec->exe : exec->argc ? exec->argv[0] : "";
	const char *base = path_base(exe);

	add_image(v, strchr(exe, '/') ? xstrdup(exe) : xasprintf("/usr/bin/%s", exe));
	if (*exec->file && strcmp(exec->file, base) != 0)
		add_image(v, xasprintf("%.*s%s", (int)(base - exe), exe, exec->file));
	if (*exec->file)
		add_image(v, xasprintf("/usr/bin/%s", exec->file));
	v->command = take_text(join(exec->argv, exec->argc));
}

/* "sh -i >& /dev/tcp/…" as a person would type it. */
static char *command_text(const struct command *c) {
	autofree char *words = join(c->words, strv_len(c->words));
	struct buf b;

	buf_init(&b, 2 * TEXT_MAX); /* redirections that do not fit are left out */
	buf_adds(&b, words);
	for (size_t i = 0; i < c->redirect_count; i++)
		command_add_redirect(&b, &c->redirects[i], " ");
	return buf_steal(&b);
}

static void add_command_view(struct subject *s, const struct command *c) {
	autofree char *text = c->words && !c->is_unknown ? command_text(c) : NULL;
	struct view *v;

	if (!text || s->view_count == VIEWS_MAX || !strcmp(text, s->views[0].command.text))
		return;
	v = &s->views[s->view_count++];
	if (strchr(c->words[0], '/'))
		add_image(v, xstrdup(c->words[0]));
	add_image(v, xasprintf("/usr/bin/%s", c->program));
	add_image(v, xasprintf("/bin/%s", c->program));
	v->command = take_text(steal_ptr(text));
}

/* A program text, with what is hidden in it. */
static void add_code_view(struct subject *s, const struct code *code) {
	struct view *v;

	if (s->view_count == VIEWS_MAX)
		return;
	v = &s->views[s->view_count++];
	add_image(v, xstrdup(s->views[0].images[0].text ? s->views[0].images[0].text : ""));
	v->command = take_text(xstrndup(code->text, strnlen(code->text, TEXT_MAX)));
}

static bool is_sudo(const struct commands *all) {
	static const char *const names[] = { "sudo", "doas", "su", "pkexec", "run0", NULL };

	for (size_t i = 0; i < all->count; i++)
		if (word_in(all->items[i].program, names))
			return true;
	return false;
}

static void add_parent(struct subject *s, const struct patterns *p, pid_t ppid) {
	const struct pattern_parent *parent =
		p->parents && ppid > 0 ? &p->parents[ppid % PATTERN_PARENTS] : NULL;
	bool is_it = parent && parent->pid == ppid;

	s->has_parent = is_it;
	s->parent_image = take_text(xstrdup(is_it ? parent->image : ""));
	s->parent_command = take_text(xstrdup(is_it ? parent->command : ""));
}

static void subject_init(struct subject *s, const struct patterns *p, const struct watch_event *e,
                         const struct commands *all) {
	*s = (struct subject){ .all = all, .budget = { .steps = PATTERN_STEPS } };
	s->is_root = e->uid == 0 || is_sudo(all);
	add_process(s, &e->exec);
	for (size_t i = 0; i < all->count; i++)
		add_command_view(s, &all->items[i]);
	for (size_t i = 0; i < all->code_count; i++)
		add_code_view(s, &all->codes[i]);
	add_parent(s, p, e->ppid);
	s->user = take_text(xstrdup(e->uid == 0 ? "root" : ""));
	s->uid = take_text(e->uid >= 0 ? xasprintf("%lld", (long long)e->uid) : xstrdup(""));
}

static void subject_done(struct subject *s) {
	for (size_t i = 0; i < s->view_count; i++) {
		for (size_t k = 0; k < s->views[i].image_count; k++)
			text_done(&s->views[i].images[k]);
		text_done(&s->views[i].command);
	}
	text_done(&s->parent_image);
	text_done(&s->parent_command);
	text_done(&s->user);
	text_done(&s->uid);
}

static void remember(struct patterns *p, const struct watch_event *e, const struct view *v) {
	struct pattern_parent *parent;

	if (!p->wants_parents || e->pid <= 0)
		return;
	if (!p->parents)
		p->parents = xcalloc(PATTERN_PARENTS, sizeof(*p->parents));
	parent = &p->parents[e->pid % PATTERN_PARENTS];
	free(parent->image);
	free(parent->command);
	parent->pid = e->pid;
	parent->image = xstrdup(v->image_count ? v->images[0].text : "");
	parent->command =
		xstrndup(v->command.text, strnlen(v->command.text, PATTERN_PARENT_COMMAND_MAX));
}

/* --- comparing */

static bool text_matches(const struct pattern_value *value, const struct text *t,
                         struct subject *s) {
	const struct pattern_subject one = { t->text, t->low, t->len };

	return pattern_value_matches(value, &one, &s->budget);
}

static bool is_known(const struct subject *s, enum pattern_field field) {
	if (field == PATTERN_PARENT_IMAGE || field == PATTERN_PARENT_COMMAND)
		return s->has_parent;
	return field != PATTERN_USER || s->uid.len;
}

static bool value_matches(const struct pattern_expr *e, const struct pattern_value *value,
                          struct subject *s, const struct view *v) {
	bool is_any = e->field == PATTERN_ANY_FIELD;

	if (!is_known(s, e->field)) {
		s->is_unknown = true;
		return false;
	}
	if (is_any || e->field == PATTERN_IMAGE)
		for (size_t i = 0; i < v->image_count; i++)
			if (text_matches(value, &v->images[i], s))
				return true;
	if (is_any || e->field == PATTERN_COMMAND)
		return text_matches(value, &v->command, s);
	if (e->field == PATTERN_PARENT_IMAGE)
		return text_matches(value, &s->parent_image, s);
	if (e->field == PATTERN_PARENT_COMMAND)
		return text_matches(value, &s->parent_command, s);
	return e->field == PATTERN_USER &&
	       (text_matches(value, &s->user, s) || text_matches(value, &s->uid, s));
}

static void tell(const struct pattern_expr *e, const struct pattern_value *value, struct buf *out) {
	if (out->len)
		buf_adds(out, ", ");
	buf_addf(out, "%s %s '%s'", pattern_field_to_string(e->field),
	         pattern_how_to_string(e->how), pattern_value_text(value));
}

static bool is_matches(const struct pattern_expr *e, struct subject *s, const struct view *v,
                       struct buf *out) {
	for (size_t i = 0; e->values[i]; i++) {
		bool does = value_matches(e, e->values[i], s, v);

		if (does)
			tell(e, e->values[i], out);
		if (does != e->is_all)
			return does;
	}
	return e->is_all;
}

static bool expr_matches(const struct pattern_expr *e, struct subject *s, const struct view *v,
                         struct buf *out);

/* What was not looked at to the end, or is not known at all, is not known not to be so. */
static bool not_matches(const struct pattern_expr *e, struct subject *s, const struct view *v,
                        struct buf *out) {
	bool was_spent = s->budget.is_spent, was_unknown = s->is_unknown, ret;

	s->budget.is_spent = s->is_unknown = false;
	ret = !expr_matches(e, s, v, out) && !s->budget.is_spent && !s->is_unknown;
	s->budget.is_spent |= was_spent;
	s->is_unknown |= was_unknown;
	return ret;
}

static bool expr_matches(const struct pattern_expr *e, struct subject *s, const struct view *v,
                         struct buf *out) {
	size_t before = out->len;
	bool is_and = e->op == PATTERN_AND, ret = is_and;

	if (e->op == PATTERN_IS)
		ret = is_matches(e, s, v, out);
	else if (e->op == PATTERN_NOT)
		ret = not_matches(&e->items[0], s, v, out);
	else
		for (size_t i = 0; i < e->count && ret == is_and; i++)
			ret = expr_matches(&e->items[i], s, v, out);
	/* Of what did not come to be, and of what is not there, nothing is told. */
	if (!ret || e->op == PATTERN_NOT) {
		out->len = before;
		out->overflow = false;
	}
	return ret;
}

/* python3.11 is python. */
static bool is_program(const char *program, const char *wanted) {
	size_t n = strlen(wanted);

	return strncmp(program, wanted, n) == 0 &&
	       program[n + strspn(program + n, "0123456789.")] == '\0';
}

/* Without blanks, so that it does not matter how a program text is set. */
static char *squeeze(const char *word) {
	char *out = xstrdup(word), *to = out;

	for (const char *c = out; *c; c++)
		if (!isspace((unsigned char)*c))
			*to++ = *c;
	*to = '\0';
	return out;
}

/* The words in their order, with others between unless the rule is exact. */
static bool words_match(const struct pattern_rule *r, const struct command *c, struct subject *s) {
	size_t at = 0, n = strv_len(c->words);

	if (n > SQUEEZED_MAX)
		n = SQUEEZED_MAX;
	for (size_t i = 1; i < n && r->words[at]; i++) {
		struct text t = take_text(squeeze(c->words[i]));
		bool does = text_matches(r->words[at], &t, s);

		text_done(&t);
		if (does)
			at++;
		else if (r->is_exact)
			return false;
	}
	return !r->words[at] && (!r->is_exact || n == at + 1);
}

static bool command_matches(const struct pattern_rule *r, struct subject *s, struct buf *out) {
	if (r->is_root && !s->is_root)
		return false;
	for (size_t i = 0; i < s->all->count; i++) {
		const struct command *c = &s->all->items[i];

		if (c->is_unknown || !c->words || !c->words[0] ||
		    !is_program(c->program, r->program) || !words_match(r, c, s))
			continue;
		add_command(out, c);
		return true;
	}
	return false;
}

static bool rule_matches(const struct pattern_rule *r, struct subject *s, struct buf *out) {
	if (!r->when)
		return command_matches(r, s, out);
	for (size_t i = 0; i < s->view_count; i++) {
		if (!expr_matches(r->when, s, &s->views[i], out))
			continue;
		/* By what it is not. */
		if (!out->len)
			add_cut(out, s->views[i].command.text);
		return true;
	}
	return false;
}

bool patterns_match(struct patterns *p, const struct watch_event *e, const struct commands *all,
                    void (*fn)(const struct pattern_info *info, const char *indicator, void *data),
                    void *data) {
	autofree struct subject *s = xmalloc(sizeof(*s));
	autobuf struct buf indicator;
	bool is_cut;

	buf_init(&indicator, COMMAND_WORD_MAX);
	subject_init(s, p, e, all);
	for (size_t i = 0; i < p->count; i++) {
		buf_reset(&indicator);
		if (!rule_matches(&p->rules[i], s, &indicator))
			continue;
		indicator.data[indicator.len] = '\0';
		fn(&p->rules[i].info, indicator.data, data);
	}
	remember(p, e, &s->views[0]);
	is_cut = s->budget.is_spent;
	subject_done(s);
	return is_cut;
}

/* --- as findings */

static void add_finding(const struct pattern_info *info, const char *indicator, void *data) {
	struct finding f = { .rule = info->id,
		             .level = info->level,
		             .category = info->category,
		             .title = info->title,
		             .description = info->description,
		             .evidence = AUDIT_EVIDENCE_PROCESS };

	(void)snprintf(f.indicator, sizeof(f.indicator), "%.*s", (int)sizeof(f.indicator) - 1,
	               indicator);
	findings_add(data, &f);
}

void patterns_judge(const struct watch_event *e, const struct commands *all, struct findings *ret,
                    void *data) {
	const struct finding cut = {
		.rule = "patterns.costly",
		.level = AUDIT_INFO,
		.category = AUDIT_PROCESS,
		.title = "A command line was not compared with all rules",
		.description = "comparing it with the fetched rules would have taken too long; the "
			       "built-in rules have been compared",
		.evidence = AUDIT_EVIDENCE_PROCESS,
	};

	if (patterns_match(data, e, all, add_finding, ret))
		findings_add(ret, &cut);
}
