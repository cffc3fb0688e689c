/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of the network, and of what watches it. */
#include "base/mem.h"
#include "session/health/checks.h"
#include "session/health/verdict.h"

#define CONNTRACK_FULL 80 /* percent */
#define POLL_MAX_SEC 60
#define THRESHOLD_MAX_MB 10000

void verdict_bridge(const char *bridge, const char *gateway, const struct net_look *look,
		    struct health_result *ret) {
	health_detail(ret, "bridge", json_text(bridge));
	health_detail(ret, "gateway", json_text(gateway));
	if (!look->has_bridge) {
		health_ok(ret, "%s with %s comes with the first container", bridge, gateway);
	} else if (look->is_intact) {
		health_ok(ret, "%s (%s)", bridge, gateway);
	} else {
		health_warn(ret, "%s (%s): its rules are not as they should be", bridge, gateway);
		health_remedy(ret, "coi health --fix");
	}
}

void verdict_forward_rules(const char *bridge, const struct net_look *look,
			   struct health_result *ret) {
	if (look->legacy_closes) {
		health_warn(ret, "the host's iptables-legacy drops what containers send, which "
				 "coi cannot change");
		health_remedy(ret, "let the bridge through, as the next start says, or "
				   "update-alternatives --set iptables /usr/sbin/iptables-nft");
	} else if (look->refused_by[0]) {
		health_warn(ret, "the host's nftables table '%s' drops what containers send, and only "
				 "its owner can change it", look->refused_by);
		health_remedy(ret, "let bridge '%s' through there", bridge);
	} else if (look->others_filter) {
		health_ok(ret, "others filter too: where they drop what they know nothing of, "
			       "rules of ours let the bridge through");
	} else {
		health_ok(ret, "nobody else filters what is forwarded");
	}
}

void verdict_conntrack(long long used, long long max, struct health_result *ret) {
	if (used < 0 || max <= 0) {
		health_ok(ret, "not in use");
		return;
	}
	health_detail(ret, "used", json_integer(used));
	health_detail(ret, "max", json_integer(max));
	if (used * 100 / max <= CONNTRACK_FULL) {
		health_ok(ret, "%lld of %lld", used, max);
		return;
	}
	health_warn(ret, "%lld of %lld: new connections fail soon", used, max);
	health_remedy(ret, "sysctl -w net.netfilter.nf_conntrack_max=%lld", max * 2);
}

void verdict_connectivity(const struct reach *reached, enum setting_network_mode mode,
			  struct health_result *ret) {
	if (reached->dns == 'y' && reached->targets[REACH_OUTSIDE] == 'y')
		health_ok(ret, "%s is found and answers", REACH_NAME);
	else if (reached->dns == 'n' && mode == MODE_ALLOWLIST)
		health_ok(ret, "the name service answers; %s is not in the list", REACH_NAME);
	else if (reached->dns == 'y')
		health_warn(ret, "%s is found, but does not answer", REACH_NAME);
	else if (reached->dns == 'n')
		health_warn(ret, "the name service answers, but does not know %s", REACH_NAME);
	else if (reached->dns == 'f')
		health_fail(ret, "names are not found: no server that the name service asks answers");
	else
		health_fail(ret, "names are not found: a container's name service does not answer");
	if (ret->status != HEALTH_OK)
		health_remedy(ret, "look at this machine's own connection first");
}

void verdict_restriction(const struct reach *reached, const struct settings *set,
			 struct health_result *ret) {
	const struct {
		enum reach_target target;
		bool blocked;
		const char *name;
	} rows[] = {
		{ REACH_PRIVATE_A, set->network.block_private_networks, "10.0.0.0/8" },
		{ REACH_PRIVATE_C, set->network.block_private_networks, "192.168.0.0/16" },
		{ REACH_METADATA, set->network.block_metadata_endpoint, "169.254.169.254" },
		/* In every mode. */
		{ REACH_HOST, true, "the host" },
	};
	bool open_by_setting = false;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (reached->targets[rows[i].target] != 'y')
			continue;
		if (!rows[i].blocked ||
		    (set->network.mode == MODE_OPEN && rows[i].target != REACH_HOST)) {
			open_by_setting = true;
			continue;
		}
		health_fail(ret, "%s is reached from a container, and must not be", rows[i].name);
		health_remedy(ret, "coi health --fix");
		return;
	}
	if (set->network.mode == MODE_OPEN)
		health_ok(ret, "the host is out of reach; the rest is open (network.mode)");
	else
		health_ok(ret, "the host%s out of reach",
			  open_by_setting ? " is" : ", private networks and metadata are");
}

/* What is switched off is somebody's decision, or the default, and nothing that is wrong. */
void verdict_monitoring(const struct settings *set, struct health_result *ret) {
	const char *pause = set->monitoring.auto_pause_on_high ? "true" : "false";
	const char *end = set->monitoring.auto_kill_on_critical ? "true" : "false";
	int poll = set->monitoring.poll_interval_sec;
	double threshold = set->monitoring.file_read_threshold_mb;

	health_detail(ret, "enabled", json_boolean(set->monitoring.enabled));
	health_detail(ret, "auto_pause", json_boolean(set->monitoring.auto_pause_on_high));
	health_detail(ret, "auto_kill", json_boolean(set->monitoring.auto_kill_on_critical));
	health_detail(ret, "block", json_boolean(set->monitoring.block));
	if (!set->monitoring.enabled) {
		health_ok(ret, "off (monitoring.enabled is false), auto_pause: %s, auto_kill: %s", pause,
			  end);
	} else if (poll < 1 || poll > POLL_MAX_SEC) {
		health_warn(ret, "monitoring.poll_interval_sec is %d: 1 to %d make sense", poll,
			    POLL_MAX_SEC);
		health_remedy(ret, "set monitoring.poll_interval_sec = 2 in ~/.coi/config.toml");
	} else if (threshold < 1 || threshold > THRESHOLD_MAX_MB) {
		health_warn(ret, "monitoring.file_read_threshold_mb is %g: 1 to %d make sense",
			    threshold, THRESHOLD_MAX_MB);
		health_remedy(ret, "set monitoring.file_read_threshold_mb = 50 in ~/.coi/config.toml");
	} else {
		health_ok(ret, "on, auto_pause: %s, auto_kill: %s", pause, end);
	}
}
