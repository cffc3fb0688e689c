#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# [security] reduce_kernel_surface and _strict, and what 'coi security show' says of it.

setup_file() {
	load ../lib/common
	coi_setup
	cp "$COI_TEST_BUILD/runtime-probe" "$T/ws/probe"
	cp "$HOME/.coi/config.toml" "$T/config.toml"
}
teardown_file() {
	load ../lib/common
	coi_teardown
}
setup() {
	load ../lib/common
	cd "$T/ws"
	cp "$T/config.toml" "$HOME/.coi/config.toml"
	rm -rf .coi
}

mine() { cat >>"$HOME/.coi/config.toml"; }
theirs() { mkdir -p .coi && cat >.coi/config.toml; }

# result NAME: what the probe says of one call, in a container of this workspace
results() { coi run -- /workspace/probe | grep -E "^(io_uring_setup|keyctl|perf_event_open|/dev/fuse)	" | tr '\t\n' ' ;'; }

@test "without a setting: io_uring, keys and counters are there, and containers may run inside" {
	[ "$(results)" = "io_uring_setup EFAULT;keyctl ok;perf_event_open EFAULT;/dev/fuse ok;" ]
	run --separate-stderr coi security show
	[ "$status" = 0 ]
	[ "${lines[0]}" = "System calls: default, as the settings here say" ]
	[ "${lines[1]}" = "Containers inside: yes" ]
	grep -q '^open_by_handle_at *EPERM *default *opens files past' <<<"$output"
	grep -q '^sys_admin *yes *mounts' <<<"$output"
	run ! grep -q io_uring <<<"$output"
	[ -e /sys/fs/selinux/context ] || coi security show --json | jq -e '.selinux == "off"'
}

@test "security show says what monitoring.block refuses, and whether the kernel can" {
	run -0 --separate-stderr coi security show
	grep -q '^Refused before it is opened: nothing (monitoring.block), which this kernel can do$' <<<"$output"
	coi security show --json | jq -e '.block.mode == "off" and .block.kernel'
	printf '[monitoring]\nblock = true\nblock_secrets = ["~/.netrc", "/root/x"]\nblock_tools = ["nmap", "nc", "socat"]\n' | mine
	run -0 --separate-stderr coi security show
	grep -q '^Refused before it is opened: 2 secret paths and 3 tools, which this kernel can do$' <<<"$output"
	coi security show --json | jq -e '.block == {mode: "refuse", secrets: 2, tools: 3, kernel: true}'
	# Of one that runs: as it was started.
	coi container launch coi-default b1
	cp "$T/config.toml" "$HOME/.coi/config.toml"
	coi security show b1 --json | jq -e '.block == {mode: "refuse", secrets: 2, tools: 3, kernel: true}'
	coi security show --json | jq -e '.block.mode == "off"'
	# Somebody who may not ask, and a kernel that cannot.
	setpriv --reuid 1234 --regid 1234 --clear-groups env HOME=/nonexistent "$COI" security show --json |
		jq -e '.block.kernel == null'
	COI_WATCH_BACKENDS=block=none coi security show --json | jq -e '.block.kernel == false'
	COI_WATCH_BACKENDS=block=none coi security show b1 | grep -q 'which this kernel can NOT do'
	coi container delete --force b1
}

@test "reduce_kernel_surface refuses them, and containers inside; _strict the counters too" {
	printf '[security]\nreduce_kernel_surface = true\n' | mine
	[ "$(results)" = "io_uring_setup EPERM;keyctl EPERM;perf_event_open EFAULT;/dev/fuse ENOENT;" ]
	coi security show --json | jq -e '.mode == "reduced" and .nesting == false and
		([.refused[] | select(.mode == "reduced") | .call] | sort) == ["add_key", "bpf",
			"io_uring_enter", "io_uring_register", "io_uring_setup", "keyctl",
			"request_key", "userfaultfd"]'
	cp "$T/config.toml" "$HOME/.coi/config.toml"
	printf '[security]\nreduce_kernel_surface_strict = true\n' | mine
	[ "$(results)" = "io_uring_setup EPERM;keyctl EPERM;perf_event_open EPERM;/dev/fuse ENOENT;" ]
	coi security show --json | jq -e '.mode == "strict" and
		(.refused | map(.call) | contains(["perf_event_open", "bpf"]))'
}

@test "a project may ask for it, and not take it away" {
	printf '[security]\nreduce_kernel_surface = true\n' | theirs
	coi security show --json | jq -e '.mode == "reduced"'
	printf '[security]\nreduce_kernel_surface = true\n' | mine
	printf '[security]\nreduce_kernel_surface = false\n' | theirs
	run --separate-stderr coi security show --json
	[ "$status" = 0 ]
	jq -e '.mode == "reduced"' <<<"$output"
	grep -q "reduce_kernel_surface" <<<"$stderr"
}

@test "the hardened profile has it" {
	coi --profile hardened security show --json | jq -e '.mode == "reduced" and .nesting == false'
}

@test "of a running container: what it was started with, and what the kernel says of it" {
	printf '[security]\nreduce_kernel_surface = true\n' | mine
	coi container launch coi-default s1
	# It counts for what enters as well, and is what it was at the start.
	cp "$T/config.toml" "$HOME/.coi/config.toml"
	[ "$(coi container exec s1 -- grep ^Seccomp: /proc/self/status | cut -f2)" = 2 ]
	run --separate-stderr coi security show s1
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = "Name: s1" ]
	[ "${lines[1]}" = "System calls: reduced" ]
	[ "${lines[2]}" = "Containers inside: no" ]
	[[ "${lines[4]}" =~ ^"Process 1: under a policy of system calls, capabilities "[0-9a-f]{16}$ ]]
	[ "${lines[5]}" = "As meant: yes" ]
	coi security show s1 --format json | jq -e '.name == "s1" and .process.as_meant and
		.process.filters >= 1 and .process.pid > 1 and
		(.capabilities | map(select(.stays)) | length) == 21'
	# Its next start goes by the settings of then.
	coi container stop s1
	run --separate-stderr coi security show s1
	[ "$status" = 1 ]
	coi container start s1
	coi security show s1 --json | jq -e '.mode == "default" and .nesting and .process.as_meant'
	coi container delete --force s1
}

@test "errors: no such container, too many words" {
	run --separate-stderr coi security show nobody
	[ "$status" = 1 ]
	grep -q "no running container has the name or alias 'nobody'" <<<"$stderr"
	run --separate-stderr coi security show a b
	[ "$status" = 1 ]
	grep -q 'at most 1 argument' <<<"$stderr"
}

@test "supervisor, monitor and their children have no right that they do not use" {
	local pid name bit caps checked=0
	coi container launch coi-default s2
	[ "$(coi container exec s2 -- id -u)" = 0 ]
	for pid in $(find /proc -maxdepth 1 -name '[0-9]*' -printf '%f\n'); do
		[[ "$(readlink "/proc/$pid/exe")" == "$COI_TEST_BUILD"/* ]] || continue
		# Those in the container have a namespace of their own, and its bounding set.
		[ "$(readlink "/proc/$pid/ns/user")" = "$(readlink /proc/self/ns/user)" ] || continue
		for name in CapBnd CapPrm CapEff CapInh; do
			caps=$(sed -n "s/^$name:.//p" "/proc/$pid/status")
			# sys_module, sys_rawio, sys_pacct, sys_boot, sys_time, audit_write, audit_control,
			# mac_override, syslog, wake_alarm
			for bit in 16 17 20 22 25 29 30 32 34 35; do
				[ $((0x$caps >> bit & 1)) = 0 ] || {
					echo "$(tr '\0' ' ' <"/proc/$pid/cmdline"): $name: $bit"
					return 1
				}
			done
		done
		grep -q '^Seccomp:.2$' "/proc/$pid/status"
		for name in ipc uts; do
			[ "$(readlink "/proc/$pid/ns/$name")" != "$(readlink "/proc/self/ns/$name")" ]
		done
		checked=$((checked + 1))
	done
	[ "$checked" -ge 2 ]
	# The container powers off by itself all the same.
	coi container stop s2
	coi container delete --force s2
}
