/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The form of what "coi health --format json" prints. */
#include <assert.h>

#include "base/json.h"
#include "cli/commands.h"
#include "session/health/health.h"

/* All but the checks, which come from their own tables. */
static const char form[] =
	"{'$schema': 'https://json-schema.org/draft/2020-12/schema',"
	" 'title': 'coi health', 'description': 'what coi health --format json prints',"
	" 'type': 'object', 'additionalProperties': false,"
	" 'required': ['status', 'timestamp', 'checks', 'summary'],"
	" 'properties': {"
	"  'status': {'enum': ['healthy', 'degraded', 'unhealthy']},"
	"  'timestamp': {'type': 'string', 'format': 'date-time'},"
	"  'summary': {'type': 'object', 'additionalProperties': false,"
	"   'required': ['total', 'passed', 'warnings', 'failed'],"
	"   'properties': {'total': {'$ref': '#/$defs/count'}, 'passed': {'$ref': '#/$defs/count'},"
	"    'warnings': {'$ref': '#/$defs/count'}, 'failed': {'$ref': '#/$defs/count'}}},"
	"  'fixes': {'type': 'array', 'description': 'with --fix', 'items': {'$ref': '#/$defs/fix'}}},"
	" '$defs': {"
	"  'count': {'type': 'integer', 'minimum': 0},"
	"  'check': {'type': 'object', 'additionalProperties': false,"
	"   'required': ['name', 'status', 'message'],"
	"   'properties': {'name': {'type': 'string'},"
	"    'status': {'enum': ['ok', 'warning', 'failed']}, 'message': {'type': 'string'},"
	"    'remedy': {'type': 'string', 'description': 'what can be done'},"
	"    'details': {'type': 'object', 'description': 'numbers and names of this check'}}},"
	"  'fix': {'type': 'object', 'additionalProperties': false,"
	"   'required': ['check', 'action', 'text'],"
	"   'properties': {'check': {'type': 'string'}, 'text': {'type': 'string'},"
	"    'action': {'enum': ['planned', 'done', 'manual', 'failed']}}}}}";

json_t *health_schema(void) {
	char text[sizeof(form)];
	json_t *j;

	for (size_t i = 0; i < sizeof(form); i++)
		text[i] = form[i] == '\'' ? '"' : form[i];
	j = json_loads(text, 0, NULL);
	assert(j);
	(void)json_object_set_new(json_object_get(j, "properties"), "checks", health_schema_checks());
	return j;
}
