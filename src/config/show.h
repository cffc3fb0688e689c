/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings and their rows as text: what holds, the schema, the starter file. Pure. */
#ifndef COI_CONFIG_SHOW_H
#define COI_CONFIG_SHOW_H

#include <jansson.h>
#include <stdbool.h>

#include "config/config.h"

#define CONFIG_DUMP_MAX (4 * 1024 * 1024)

enum config_dump_flags {
	CONFIG_DUMP_ALL = 1u << 0,     /* what nobody said too */
	CONFIG_DUMP_ORIGIN = 1u << 1,  /* a comment behind each value: layer and place */
	CONFIG_DUMP_SECRETS = 1u << 2, /* values of variables in clear */
	CONFIG_DUMP_PROFILE = 1u << 3, /* keys as profiles spell them; text only */
};
/* What holds, as a config.toml that says the same; newly allocated. Foreign text is not escaped. */
char *config_dump(const struct config *c, unsigned flags);
/* As above: [{"key","value","layer","trusted","file","line","column"}], values as TOML. */
json_t *config_dump_json(const struct config *c, unsigned flags);

/* JSON Schema (draft 2020-12) of a config.toml or of a profile's. */
json_t *config_schema(bool for_profile);
/*
 * A config.toml (or a profile's) with each key as a comment: what it means,
 * its range and default. Valid, and says nothing. Newly allocated.
 */
char *config_starter(bool for_profile);

#endif
