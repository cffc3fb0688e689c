/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events, findings and settings as JSON, between coi-watch and its supervisor. Pure. */
#ifndef COI_MONITOR_WIRE_H
#define COI_MONITOR_WIRE_H

#include <jansson.h>

#include "monitor/detect.h"
#include "monitor/event.h"

/* A new reference: an object with "type", or NULL for what is not recorded by itself. */
json_t *wire_event(const struct watch_event *e);
/* The body of WATCH_MSG_THREAT; a new reference. */
json_t *wire_threat(const struct finding *f, const struct watch_event *e);
/* A threat again, of which only the count is known. Takes no reference. */
json_t *wire_threat_again(const json_t *first, uint64_t count);

/* The connection of an event of type "net". False: it is none. */
bool wire_connect(const json_t *event, struct watch_connect *ret);

/* A threat as it came: what it says must be what there is. False: it is none. */
bool wire_threat_read(const json_t *body, struct audit_threat *ret);

/* A new reference; and back, where what makes no sense is as if it were not there. */
json_t *wire_settings(const struct detect_settings *set);
void wire_settings_read(const json_t *j, struct detect_settings *ret);

#endif
