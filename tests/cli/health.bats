#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# coi health: each row is made to fail, by the machine that it looks at being so.

setup_file() {
	load ../lib/common
	coi_setup
	cp "$HOME/.coi/config.toml" "$T/settings"
	# The preloaded library says that it is another one.
	printf 'const char *lxc_get_version(void) { return "4.0.6"; }\n' >"$T/old.c"
	gcc -shared -fPIC -o "$T/old.so" "$T/old.c"
	mkdir "$T/seen"
}

teardown_file() {
	load ../lib/common
	coi_teardown
}

setup() {
	load ../lib/common
	cd "$T/ws"
	within 20 quiet
	within 10 rm -rf "$HOME"
	mkdir -p "$HOME/.coi"
	cp "$T/settings" "$HOME/.coi/config.toml"
	PREFIX=()
	BEFORE=
}

teardown() {
	coi kill --all --force >/dev/null 2>&1 || true
}

# In a mount namespace of its own where BEFORE has been done, under PREFIX: its JSON.
health() { # [FLAG...]
	unshare -m sh -c "$BEFORE"$'\n''exec "$@"' sh "${PREFIX[@]}" "$COI" health --format json "$@" \
		>"$T/json" 2>"$T/err" || true
	# All that was ever printed is measured by the schema at the end.
	cp "$T/json" "$(mktemp "$T/seen/XXXXXX.json")"
}

# expect_row KEY STATUS [TEXT]: a pattern of the message
expect_row() {
	local is text
	is=$(jq -r --arg k "$1" '.checks[$k].status // "no row"' "$T/json")
	text=$(jq -r --arg k "$1" '.checks[$k].message // ""' "$T/json")
	[ "$is" = "$2" ] || { echo "$1 is $is ($text), not $2"; cat "$T/err"; return 1; }
	# shellcheck disable=SC2053
	[[ $text == *${3-}* ]] || { echo "$1: '$text', without '$3'"; return 1; }
}

# row KEY STATUS [TEXT]: look, and expect that
row() {
	health
	expect_row "$@"
}

# A file of the machine says something else.
says() { # FILE TEXT
	printf '%s\n' "$2" >"$T/says.${1##*/}"
	BEFORE="$BEFORE
mount --bind '$T/says.${1##*/}' '$1'"
}

# A copy of /etc in its place, to be changed.
etc() { # COMMAND
	rm -rf "$T/etc"
	cp -a /etc "$T/etc"
	(cd "$T/etc" && rm os-release && cp /etc/os-release . && eval "$1")
	BEFORE="$BEFORE
mount --bind '$T/etc' /etc"
}

@test "all is well: text, JSON, exit status, nothing stays" {
	coi run -- true
	within 20 quiet
	snapshot before
	etc 'echo "SUPPORT_END=2099-01-01" >>os-release; echo Europe/Berlin >timezone'
	run unshare -m sh -c "$BEFORE"$'\nexec "$@"' sh "$COI" health
	expect_status 0
	[[ "$output" == *$'\nSTATUS: HEALTHY\n'* ]]
	[[ "$output" == *SYSTEM*CRITICAL*NETWORKING*MONITORING*STORAGE*CONFIGURATION*STATUS* ]]
	[[ "$output" != *OPTIONAL* ]]
	[[ "$output" == *"  [OK]   Container start"*"  [OK]   Container connect"* ]]
	health
	jq -e '.status == "healthy" and .summary.failed == 0
		and .summary.total == (.checks | length) and .summary.total == .summary.passed
		and ([.checks[] | (.name | type == "string") and (.message | type == "string")] | all)' "$T/json" ||
		{ jq . "$T/json"; false; }
	expect_settled before
}

@test "the machine: kernel, distribution, time zone" {
	PREFIX=(setarch --uname-2.6)
	row kernel_version failed "5.19"
	PREFIX=()
	says /proc/version "Linux version 6.1 (debian) #1 SMP Debian 6.1.1-1 (2020-02-02)"
	row kernel_build_age warning "days ago"
	# Nobody would guess it from what liblxc has to say.
	expect_row container_start failed proc
	jq -r .checks.container_start.remedy "$T/json" | grep -q "mounted over '/proc/version'"
	BEFORE=
	says /proc/version "Linux version 6.1 (x@y) #7 SMP Tue Mar 3 10:11:12 UTC 2020"
	row kernel_build_age warning "days ago"
	BEFORE=
	says /proc/cmdline "quiet mitigations=off"
	row kernel_mitigations warning "command line"
	BEFORE=
	etc 'echo SUPPORT_END=2001-01-01 >>os-release'
	row distro_eol warning "ended on 2001-01-01"
	BEFORE=
	etc "echo SUPPORT_END=$(date -d '+30 days' +%F) >>os-release"
	row distro_eol warning "ends on"
	BEFORE=
	etc 'rm -f timezone localtime; touch localtime'
	row timezone warning "UTC"
	BEFORE=
	# localtime(5): that is UTC, and nothing is wrong.
	etc 'rm -f timezone localtime'
	row timezone ok "UTC"
}

@test "what no container starts without" {
	PREFIX=(env "LD_PRELOAD=$T/old.so")
	row liblxc failed "4.0.6 is too old"
	PREFIX=(setpriv --reuid 1234 --clear-groups)
	row permissions failed "need root"
	expect_row workspace_mounts warning "needs root"
	expect_row mounts warning "needs root"
	expect_row fanotify warning "needs root"
	expect_row image warning "not looked at"
	expect_row network_bridge warning "not looked at"
	# Root of its own user namespace only is not root.
	PREFIX=(unshare -Ur)
	row permissions warning "of a user namespace only"
	expect_equal "$(jq -r .status "$T/json")" unhealthy
	PREFIX=(strace -f -qq -o /dev/null -P /proc/self/ns/user
		-e inject=access,faccessat,faccessat2:error=ENOENT)
	row user_namespaces failed "has no user namespaces"
	PREFIX=()
	says /proc/sys/user/max_user_namespaces 0
	row user_namespaces failed "max_user_namespaces is 0"
	BEFORE=
	echo >"$T/none"
	PREFIX=(env "COI_SUBUID_FILE=$T/none" "COI_SUBGID_FILE=$T/none")
	row id_ranges failed "none"
	expect_row container_start failed
	expect_row container_connectivity warning "not looked at: no container starts"
	echo "root:70000:65536" >"$T/few"
	PREFIX=(env "COI_SUBUID_FILE=$T/few" "COI_SUBGID_FILE=$T/few")
	row id_ranges warning
	mkdir -p "$T/ram"
	BEFORE="mount -t ramfs ramfs '$T/ram'"
	PREFIX=(env "COI_ROOT=$T/ram")
	row mounts failed "id-mapped"
	expect_row image failed
	PREFIX=()
	BEFORE="mount -t ramfs ramfs '$T/ram' && cd '$T/ram'"
	row workspace_mounts warning "no id-mapped mounts"
	BEFORE=
	printf 'image = "nowhere"\n' >>"$HOME/.coi/config.toml"
	row image failed "nowhere"
	expect_row image_age warning
	expect_row container_start warning "no image to try"
	expect_equal "$(jq -r .checks.image.remedy "$T/json")" "coi build"
}

@test "an image that is old, a kernel without filters, a root without all its rights" {
	local record
	record=$(grep -l . "$COI_ROOT"/images/*/image.ini | head -1)
	cp -p "$record" "$T/image.ini"
	sed -i 's/^created *=.*/created = 2020-01-01T00:00:00Z/' "$record"
	row image_age warning "days"
	cat "$T/image.ini" >"$record"
	PREFIX=(strace -f -qq -o /dev/null -e inject=seccomp:error=EINVAL)
	row security_posture failed "does not filter"
	expect_row seccomp_notify warning
	PREFIX=(setpriv --bounding-set -linux_immutable)
	row immutable_capability warning "CAP_LINUX_IMMUTABLE is missing"
	PREFIX=(setpriv --bounding-set -net_admin)
	row nft failed
	PREFIX=(strace -f -qq -o /dev/null -e inject=fanotify_init:error=ENOSYS)
	row fanotify warning "not available"
	PREFIX=(strace -f -qq -o /dev/null -e inject=fanotify_mark:error=EINVAL)
	row fanotify warning "without permission events"
	printf '[monitoring]\nblock = true\n' >>"$HOME/.coi/config.toml"
	row fanotify failed "no container starts"
}

@test "a container that has the person's home" {
	cat >>"$HOME/.coi/config.toml" <<-END
		[[mounts.default]]
		host = "$HOME"
		container = "$HOME"
	END
	row host_credential_isolation failed "sees the files"
	# Its decoy is hidden by that way too.
	expect_row secret_masking ok
}

@test "a secret of a workspace is hidden; no workspace can be made; one of a look that was killed goes" {
	mkdir "$HOME/.coi/health-check-4194303"
	printf '[security]\nsecret_paths = ["none"]\n' >>"$HOME/.coi/config.toml"
	row secret_masking ok "empty inside"
	not compgen -G "$HOME/.coi/health-check-*"
	mkdir -p "$HOME/.coi/logs" "$HOME/.coi/audit"
	BEFORE="mount --bind '$HOME/.coi' '$HOME/.coi' &&
		mount -t tmpfs none '$HOME/.coi/logs' && mount -t tmpfs none '$HOME/.coi/audit' &&
		mount -o remount,ro,bind '$HOME/.coi' && cd '$T/ws'"
	row secret_masking warning "no workspace could be made"
	expect_row container_start ok
}

@test "the way out" {
	ip route del default
	row uplink warning "no default route"
	ip route add default via 192.0.2.1
	says "$(readlink -f /etc/resolv.conf)" "# nothing"
	row name_servers warning "names no server"
	BEFORE=
	says "$(readlink -f /etc/resolv.conf)" "nameserver 203.0.113.99"
	row container_connectivity failed "names are not found"
	BEFORE=
	says /proc/sys/net/netfilter/nf_conntrack_count 999999
	row conntrack warning "new connections fail soon"
	BEFORE=
	echo 0 >/proc/sys/net/ipv4/ip_forward
	BEFORE='mount --bind /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_forward
		mount -o remount,ro,bind /proc/sys/net/ipv4/ip_forward'
	row ip_forwarding failed "cannot be written"
}

@test "what others have: our range, a filter" {
	coi run -- true
	ip addr add 10.77.200.1/24 dev lo
	row network_bridge failed "in use"
	ip addr del 10.77.200.1/24 dev lo
	nft add table ip other
	nft 'add chain ip other f { type filter hook forward priority 0; policy drop; }'
	row bridge_forward_rules ok "others filter too"
	expect_row container_connectivity ok
	nft delete table ip other
	row bridge_forward_rules ok "nobody else"
}

@test "rules that somebody took away come back" {
	local table pid
	coi container launch coi-default coi-box
	row network_bridge ok
	table=$(nft list tables inet | sed -n 's/^table inet \(coi-[0-9a-f]*\)$/\1/p')
	# Its supervisor would put them back at once.
	for pid in $(pids_of coi-supervisor); do
		kill -9 "$pid"
	done
	nft flush chain inet "$table" from_c
	health --fix
	jq -e '[.fixes[] | select(.check == "network_bridge") | .action] == ["done"]' "$T/json"
	expect_row network_bridge ok
	coi container delete --force coi-box
}

@test "docker and ufw beside us are told of" {
	etc 'mkdir -p ufw; echo ENABLED=yes >ufw/ufw.conf'
	BEFORE="$BEFORE
mount -t tmpfs tmpfs /run; touch /run/docker.sock"
	row ufw_conflict ok "ufw is active"
	expect_row docker_forward_policy ok "docker runs"
}

@test "modes of the network, seen from a container" {
	printf '[network]\nmode = "open"\n' >>"$HOME/.coi/config.toml"
	row network_restriction ok "the host is out of reach"
	expect_row network_mode ok open
	cp "$T/settings" "$HOME/.coi/config.toml"
	printf '[network]\nmode = "allowlist"\nallowed_domains = ["public.test"]\n' |
		cat >>"$HOME/.coi/config.toml"
	row container_connectivity ok "not in the list"
	expect_row network_restriction ok "private networks"
}

@test "watching and limits" {
	row monitoring_configuration ok "off (monitoring.enabled is false), auto_pause: true"
	printf '[monitoring]\nenabled = true\npoll_interval_sec = 3600\n' >>"$HOME/.coi/config.toml"
	row monitoring_configuration warning "poll_interval_sec is 3600"
	sed -i 's/3600/2/' "$HOME/.coi/config.toml"
	row monitoring_configuration ok "on, auto_pause: true"
	mkdir -p "$HOME/.coi/audit"
	BEFORE="mount --bind '$HOME/.coi/audit' '$HOME/.coi/audit'
		mount -o remount,ro,bind '$HOME/.coi/audit'"
	row audit_log_directory failed "Read-only"
	BEFORE='mount -t tmpfs tmpfs /sys/fs/cgroup'
	row cgroup_availability failed
}

@test "places and room" {
	rm -rf "$HOME/.coi"
	row coi_directory ok "made with the first session"
	rm -rf "$HOME/.coi" && touch "$HOME/.coi"
	row coi_directory failed "Not a directory"
	rm "$HOME/.coi"
	mkdir "$HOME/.coi"
	touch "$HOME/.coi/sessions-claude"
	row sessions_directory failed "Not a directory"
	rm "$HOME/.coi/sessions-claude"
	BEFORE="mount -t tmpfs -o size=50m tmpfs '$HOME'"
	row disk_space warning "free"
	BEFORE="mount -t tmpfs -o size=50m tmpfs '$T/ram'"
	mkdir -p "$T/ram"
	PREFIX=(env "COI_ROOT=$T/ram")
	row storage_pools failed "free"
	BEFORE="mount --bind '$COI_ROOT' '$COI_ROOT' && mount -o remount,ro,bind '$COI_ROOT'"
	PREFIX=()
	row storage_pools failed "Read-only"
	expect_row image ok
	PREFIX=(env COI_ROOT=relative)
	BEFORE=
	row storage_pools failed "not an absolute path"
}

@test "settings that are broken do not stop it" {
	printf 'mode = [\n' >>"$HOME/.coi/config.toml"
	row config failed "config.toml:"
	expect_row image ok
	cp "$T/settings" "$HOME/.coi/config.toml"
	run --separate-stderr coi --profile nowhere health --format json
	expect_status 2
	expect_equal "$(jq -r .checks.config.status <<<"$output")" failed
	printf '[tool]\nname = "nobody"\n' >>"$HOME/.coi/config.toml"
	row tool warning nobody
	# A warning is 1, and what failed would be 2.
	run --separate-stderr coi health
	expect_status 1
	grep -qx 'STATUS: DEGRADED' <<<"$output"
}

@test "what runs, what is saved, what is left" {
	coi container launch coi-default coi-box
	health -v
	expect_row active_containers ok "1 running, 0 stopped"
	expect_row process_monitoring ok "'coi-box' are seen"
	expect_row dns_resolution ok
	coi container delete --force coi-box
	health -v
	expect_row process_monitoring ok "nothing runs"
	mkdir -p "$HOME/.coi/sessions-claude/one"
	row saved_sessions ok "1 of claude"
	says "$(readlink -f /etc/resolv.conf)" "nameserver 203.0.113.99"
	health -v
	# Others take their time; we do not wait for them.
	expect_row dns_resolution warning "no answer in time"
	BEFORE=
	says "$(readlink -f /etc/resolv.conf)" "nameserver 127.0.0.1"
	health -v
	expect_row dns_resolution warning "does not find"
	BEFORE=
	mkdir "$COI_ROOT/layers/.tmp-gone"
	row orphaned_resources warning
	run --separate-stderr coi health --fix --dry-run
	[[ "$output" == *"[PLAN] Orphaned resources"* ]]
	[ -d "$COI_ROOT/layers/.tmp-gone" ]
	run --separate-stderr coi health --fix
	[[ "$output" == *"[DONE] Orphaned resources"* ]]
	[ ! -e "$COI_ROOT/layers/.tmp-gone" ]
	row orphaned_resources ok
}

@test "mending: what can be is done and looked at again, the rest is said" {
	says /proc/sys/user/max_user_namespaces 0
	run unshare -m sh -c "$BEFORE"$'\nexec "$@"' sh "$COI" health --fix
	[[ "$output" == *"[DONE] User namespaces"* ]]
	[[ "$output" == *"[OK]   User namespaces"* ]]
	printf '[container]\nimage = "nowhere"\n' >"$HOME/.coi/config.toml"
	run --separate-stderr coi health --fix
	expect_status 2
	[[ "$output" == *"[MANUAL] Default image: coi build"* ]]
	run --separate-stderr coi health --dry-run
	expect_status 2
	expect_one_error
}

@test "mending ids: root gets a range, and a container starts; one that is somebody's stays" {
	etc ': >subuid; : >subgid'
	health --fix --dry-run
	jq -e '[.fixes[] | select(.check == "id_ranges").action] == ["planned"]' "$T/json"
	[ ! -s "$T/etc/subuid" ]
	# What failed for that reason is looked at again too.
	expect_row container_start failed
	health --fix
	jq -e '[.fixes[] | select(.check == "id_ranges").action] == ["done"]' "$T/json"
	expect_row id_ranges ok
	expect_row container_start ok
	grep -q '^root:[0-9]*:65536000$' "$T/etc/subuid"
	cmp "$T/etc/subuid" "$T/etc/subgid"
	BEFORE=
	etc 'echo root:70000:65536 | tee subuid >subgid'
	health --fix
	jq -e '[.fixes[] | select(.check == "id_ranges").action] == ["failed", "manual"]' "$T/json"
	jq -er '.fixes[] | select(.check == "id_ranges" and .action == "manual").text' "$T/json" |
		grep -q "add the line 'root:"
	expect_equal "$(cat "$T/etc/subuid")" root:70000:65536
}

@test "mending rights: the person's own directory, nobody else's" {
	mkdir "$HOME/.coi/sessions-claude"
	chown -R 1234:1234 "$HOME"
	chmod 0500 "$HOME/.coi/sessions-claude"
	PREFIX=(env SUDO_UID=1234 SUDO_GID=1234 SUDO_USER=person)
	row sessions_directory failed "Permission denied"
	jq -r .checks.sessions_directory.remedy "$T/json" |
		grep -q "^chown 1234 '$HOME/.coi/sessions-claude'"
	health --fix --dry-run
	expect_equal "$(stat -c %a "$HOME/.coi/sessions-claude")" 500
	health --fix
	jq -e '[.fixes[] | select(.check == "sessions_directory").action] == ["done"]' "$T/json"
	expect_row sessions_directory ok
	expect_equal "$(stat -c %a "$HOME/.coi/sessions-claude")" 700
	chown 0:0 "$HOME/.coi/sessions-claude"
	health --fix
	expect_row sessions_directory failed
	jq -e '[.fixes[] | select(.check == "sessions_directory").action]
		== ["failed", "manual"]' "$T/json"
	expect_equal "$(stat -c %u "$HOME/.coi/sessions-claude")" 0
}

@test "interrupted, nothing of the trial stays" {
	coi health >"$T/out" 2>&1 || true
	within 20 quiet
	snapshot before
	# Its container is there for a moment only, which is caught in one of some rounds.
	local pid caught= round
	for round in 1 2 3 4 5 6 7 8 9 10; do
		"$COI" health >/dev/null 2>&1 3>&- &
		pid=$!
		while kill -0 $pid 2>/dev/null; do
			[ -z "$(ls "$COI_ROOT/containers")" ] || { kill -9 $pid && caught=1; break; }
		done
		wait $pid || true
		[ -z "$caught" ] || break
	done
	[ -n "$caught" ]
	# One that was just being made is for the next command to put right, once its maker is gone.
	within 15 quiet
	coi clean --orphans --force
	expect_settled before
	# Neither has it files of its own in the person's home, whoever wrote of it.
	not compgen -G "$HOME/.coi/audit/*health-check*"
	not compgen -G "$HOME/.coi/logs/*health-check*"
	grep -q health-check "$HOME/.coi/audit/_coi.jsonl"
}

@test "the names of a hostile project come escaped" {
	printf '[tool]\nname = "x\\u001b[31m"\n' >"$HOME/.coi/config.toml"
	run coi health
	[[ "$output" != *$'\e'* ]]
}

@test "each document was valid by the schema that coi prints" {
	"$COI" schema health >"$T/schema.json"
	run --separate-stderr python3 - "$T/schema.json" "$T"/seen/*.json <<-'END'
		import json, sys
		import jsonschema
		schema = json.load(open(sys.argv[1]))
		jsonschema.Draft202012Validator.check_schema(schema)
		judge = jsonschema.Draft202012Validator(schema)
		for name in sys.argv[2:]:
		    judge.validate(json.load(open(name)))
		whole = json.load(open(sys.argv[2]))
		for spoil in (lambda d: d.pop("summary"), lambda d: d["checks"].update(other={}),
		              lambda d: d["checks"].pop("image"),
		              lambda d: d["checks"]["image"].update(status="fine")):
		    bad = json.loads(json.dumps(whole))
		    spoil(bad)
		    assert not judge.is_valid(bad)
		print(len(sys.argv) - 2)
	END
	expect_status 0
	[ "$output" -gt 0 ]
}
