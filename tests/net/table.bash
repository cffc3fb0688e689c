# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The attempts of attacks.tsv: counters where they would arrive, and what came of it.
# Files lie in $T; sinks_start, then whoever sends, then sinks_stop.

TABLE=$COI_TEST_SRC/tests/net/attacks.tsv

# sinks_start OTHER: at the internet, the host, and in the network namespace (a file) OTHER.
sinks_start() {
	local where
	for where in internet other host; do
		rm -f "$T/sink.$where.in" "$T/sink.$where"
		mkfifo "$T/sink.$where.in"
		: >"$T/sink.$where"
		case $where in
		internet) set -- "$1" nsenter --net="$COI_STAGE_WORLD" "$COI_TEST_BUILD/net-probe" sink-packet ;;
		other) set -- "$1" nsenter --net="$1" "$COI_TEST_BUILD/net-probe" sink-packet ;;
		host) set -- "$1" "$COI_TEST_BUILD/net-probe" sink-host ;;
		esac
		"${@:2}" <"$T/sink.$where.in" >"$T/sink.$where" 2>&1 3>&- &
		eval "sink_pid_$where=$!"
	done
	exec 21>"$T/sink.internet.in" 22>"$T/sink.other.in" 23>"$T/sink.host.in"
	for where in internet other host; do
		until grep -q ready "$T/sink.$where"; do
			kill -0 "$(eval "echo \$sink_pid_$where")" || return 1
			sleep 0.02
		done
	done
}

# What is let through is there at once; what is looked up by ARP takes a moment.
sinks_stop() {
	sleep 0.3
	exec 21>&- 22>&- 23>&-
	# shellcheck disable=SC2154
	wait "$sink_pid_internet" "$sink_pid_other" "$sink_pid_host" || true
}

# "name seen count what", tabs between them, for each attempt.
sinks_table() {
	"$COI_TEST_BUILD/net-probe" names >"$T/sink.names"
	awk -F '[\t ]' -v names="$T/sink.names" -v dir="$T/sink." '
		function load(where,   line, part) {
			while ((getline line <(dir where)) > 0) {
				split(line, part, " ")
				count[where, part[1]] = part[2]
			}
		}
		BEGIN {
			while ((getline line <names) > 0) {
				split(line, part, " ")
				number[part[2]] = part[1]
			}
			load("internet"); load("other"); load("host")
		}
		/^#/ { next }
		{
			split($0, field, "\t")
			n = (field[2], number[field[1]]) in count ? \
				count[field[2], number[field[1]]] : "unsent"
			printf "%s\t%s\t%s\t%s\n", field[1], field[2], n, field[8]
			delete number[field[1]]
		}
		END { for (name in number) printf "%s\tnowhere\tunlisted\t\n", name }' "$TABLE"
}

# judged MODE: the table on standard input, with what was expected and a verdict in front:
# "ok" or "not" (or "any"), name, seen, count, expected, defence, what.
judged() {
	awk -F '\t' -v column="$1" -v table="$TABLE" '
		BEGIN {
			at["restricted"] = 3; at["allowlist"] = 4; at["open"] = 5
			at["capped"] = 6
			while ((getline line <table) > 0)
				if (line !~ /^#/) {
					split(line, field, "\t")
					want[field[1]] = column == "off" ? "allowed" : \
						column == "closed" ? "blocked" : field[at[column]]
					defence[field[1]] = field[7]
				}
		}
		{
			verdict = want[$1] == "-" ? "any" : \
				$3 !~ /^[0-9]+$/ ? "not" : \
				($3 > 0) == (want[$1] == "allowed") ? "ok" : "not"
			printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", verdict, $1, $2, $3, want[$1],
				defence[$1], $4
		}'
}

# Everything that root could switch off, on the host's side of the ports named.
defences_off() { # BRIDGE PORT...
	local bridge=$1 port link
	shift
	nft flush ruleset
	tc qdisc del dev "$bridge" clsact
	for port in "$@"; do
		bridge link set dev "$port" isolated off learning on flood on mcast_flood on \
			bcast_flood on guard off root_block off
		echo 0 >"/sys/class/net/$port/brport/group_fwd_mask"
	done
	# What the kernel itself would refuse.
	for link in all "$bridge"; do
		echo 1 >"/proc/sys/net/ipv4/conf/$link/accept_source_route"
		echo 1 >"/proc/sys/net/ipv4/conf/$link/accept_local"
		echo 1 >"/proc/sys/net/ipv4/conf/$link/route_localnet"
		echo 0 >"/proc/sys/net/ipv4/conf/$link/rp_filter"
	done
	echo 0 >"/proc/sys/net/ipv6/conf/$bridge/disable_ipv6"
}

# The settings of the kernel as they were; the rest is for whoever owns it.
kernel_back() { # BRIDGE
	local link
	echo 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"
	for link in all "$1"; do
		echo 0 >"/proc/sys/net/ipv4/conf/$link/accept_source_route"
		echo 0 >"/proc/sys/net/ipv4/conf/$link/accept_local"
		echo 0 >"/proc/sys/net/ipv4/conf/$link/route_localnet"
	done
	echo 1 >"/proc/sys/net/ipv4/conf/$1/rp_filter"
}
