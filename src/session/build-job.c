/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/build-job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "session/exec.h"
#include "session/launch.h"
#include "session/lifecycle.h"
#include "session/plan.h"
#include "session/storage.h"

/* What the script said last: the reason of a failure. */
struct output {
	const struct build_request *request;
	char *last[3];
};

static void on_line(const char *text, void *data) {
	struct output *o = data;

	if (o->request->report)
		o->request->report(text, false, o->request->report_data);
	if (!*text)
		return;
	free(o->last[0]);
	o->last[0] = o->last[1];
	o->last[1] = o->last[2];
	o->last[2] = xstrdup(text);
}

static int run_script(struct session *s, const struct container *c,
		      const struct recipe_build *build, const struct build_request *request,
		      struct err *err) {
	struct exec_request exec = { .argv = build->argv, .cwd = "/", .env = build->env,
				     .gid = 0 };
	struct output out = { .request = request };
	int r = exec_lines(s, c, &exec, on_line, &out, err);

	if (r > 0)
		r = err_set(err, ERR_SYSTEM, -EIO, "the build script ended with status %d: %s %s %s",
			    r, out.last[0] ? out.last[0] : "", out.last[1] ? out.last[1] : "",
			    out.last[2] ? out.last[2] : "");
	for (size_t i = 0; i < ARRAY_SIZE(out.last); i++)
		free(out.last[i]);
	return r;
}

static int publish(struct session *s, const struct build_job *job, const struct container *c,
		   struct image_info **ret, struct err *err) {
	struct image_publish_spec spec = job->spec;
	auto_storage struct storage storage = STORAGE_INIT;
	int r = storage_open(s, c, &storage, err);

	if (r < 0)
		return r;
	spec.upper_parent = storage.fd;
	spec.upper_name = "upper";
	spec.consume = true;
	spec.base_layers = job->base->layers;
	spec.base_count = job->base->layer_count;
	spec.base = job->base->fingerprint;
	if (!spec.base_alias)
		spec.base_alias = job->base->aliases ? job->base->aliases[0] : NULL;
	return image_publish(s->layout, &spec, ret, err);
}

int build_find_base(struct session *s, const char *alias, const char *base,
		    struct image_info **ret, struct err *err) {
	int r;

	if (strcmp(base, alias) == 0)
		return err_set(err, ERR_CONFIG, -EINVAL,
			       "image '%s' cannot be its own base (container.build.base)", alias);
	r = image_find(s->layout, base, ret, err);
	if (r != -ENOENT || err->kind != ERR_MISSING)
		return r;
	(void)err_set(err, ERR_MISSING, r, "the base image '%s' does not exist", base);
	return err_hint(err, strcmp(base, BUILD_DEFAULT_BASE) == 0
				     ? "build it first: coi build " BUILD_DEFAULT_BASE
				     : "'coi image list' shows those that there are, 'coi image import' "
				       "brings one in");
}

int build_job_run(struct session *s, const struct build_job *job,
		  const struct build_request *request, struct image_info **ret, struct err *err) {
	auto_launched struct launched l = LAUNCHED_INIT;
	autofree char *name = NULL;
	struct err ignored;
	uint32_t random = 0;
	int r;

	if (getrandom(&random, sizeof(random), 0) < 0)
		return err_sys(err, -errno, "cannot get random bits");
	name = xasprintf("%sbuild-%08" PRIx32, s->prefix, random);
	/* What a build that was killed has left; a failure of it is no failure of ours. */
	(void)image_repair(s->layout, NULL, false, NULL, NULL);
	r = launch(s,
		   &(struct launch_request){ .kind = KIND_BUILD,
					     .name = name,
					     .image = job->base->fingerprint,
					     .delete_on_stop = true,
					     .init = INIT_COI,
					     .no_network = true,
					     .extra_source = job->prepared->dir,
					     .extra_target = RECIPE_BUILD_DIR },
		   &l, err);
	if (r < 0)
		return err_wrap(err, "the build container");
	r = run_script(s, l.container, job->prepared, request, err);
	if (r < 0) {
		(void)launched_finish(s, &l, false, &ignored);
		return r;
	}
	r = launched_finish(s, &l, true, err);
	plan_crash_point("build", "publish", "before");
	if (r == 0)
		r = publish(s, job, l.container, ret, err);
	plan_crash_point("build", "publish", "after");
	(void)lifecycle_delete(s, name, true, &ignored);
	return r;
}
