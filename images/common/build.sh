#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Turns the Debian base into an image. Runs once, as root, in a container of the base that
# has no network; systemd need not be running. What came from outside lies in $COI_BUILD:
# npm/manifest (name, kind, version, file, commands; separated by tabs) and the archives.
set -euo pipefail
umask 022

COI_BUILD=${COI_BUILD:-/run/coi/build}
COI_AGENTS=${COI_AGENTS:-}
LIB=/usr/local/lib/coi

step() { printf '==> %s\n' "$*"; }
has() { command -v "$1" >/dev/null 2>&1; }

write() { # MODE FILE: the content comes from standard input
	mkdir -p "$(dirname "$2")"
	cat >"$2"
	chmod "$1" "$2"
}

install_npm() {
	local name kind version file commands command target
	while IFS=$'\t' read -r name kind version file commands; do
		step "$name $version ($kind)"
		rm -rf "${LIB:?}/$name"
		mkdir -p "$LIB/$name"
		tar -C "$LIB/$name" --strip-components=1 --no-same-owner --no-same-permissions \
			-xzf "$COI_BUILD/npm/$file"
		for command in $commands; do
			# A '*' stands for a directory that is named after the machine.
			target=$(compgen -G "$LIB/$name/${command#*=}" | head -n 1) || true
			if [ -z "$target" ]; then
				echo "build: $name has no file ${command#*=}" >&2
				return 1
			fi
			chmod 0755 "$target"
			ln -sfn "$target" "/usr/local/bin/${command%%=*}"
		done
	done <"$COI_BUILD/npm/manifest"
	# `npm install -g` puts things where they are found.
	if [ -d "$LIB/npm" ]; then
		echo 'prefix = /usr/local' >"$LIB/npm/npmrc"
	fi
}

check_agents() {
	local agent missing=
	for agent in $COI_AGENTS; do
		"$agent" --version >/dev/null 2>&1 </dev/null || missing="$missing $agent"
	done
	if [ -n "$missing" ]; then
		echo "build: listed, but not there or not running:$missing" >&2
		return 1
	fi
}

make_user() {
	local old file
	old=$(getent passwd 1000 | cut -d: -f1 || true)
	if [ -n "$old" ] && [ "$old" != code ]; then
		usermod -l code -d /home/code -m "$old"
		groupmod -n code "$(getent group 1000 | cut -d: -f1)"
	elif [ -z "$old" ]; then
		groupadd -g 1000 code
		useradd -m -u 1000 -g 1000 -s /bin/bash -c 'coi' code
	fi
	usermod -s /bin/bash -aG sudo code
	! getent group docker >/dev/null || usermod -aG docker code
	# A container has 131072 ids; the upper half is for user namespaces of the user's own.
	for file in /etc/subuid /etc/subgid; do
		echo code:65536:65536 | write 0644 $file
	done
	passwd -l root >/dev/null
	write 0440 /etc/sudoers.d/code <<-'END'
		code ALL=(ALL:ALL) NOPASSWD: ALL
	END
	install -d -o code -g code -m 0700 /home/code/.ssh
	install -o code -g code -m 0600 /dev/null /home/code/.ssh/known_hosts
	install -d -o code -g code -m 0755 /home/code/.claude /home/code/.config /home/code/.local \
		/home/code/.local/bin /home/code/.local/share /home/code/.cache
	install -d -o code -g code -m 0755 /workspace
}

make_commands() {
	local name
	! has fdfind || ln -sfn "$(command -v fdfind)" /usr/local/bin/fd
	! has batcat || ln -sfn "$(command -v batcat)" /usr/local/bin/bat
	# Each of them ends the container, without a question and without a password.
	for name in shutdown poweroff reboot halt close; do
		write 0755 "/usr/local/bin/$name" <<-'END'
			#!/bin/sh
			exec sudo -n systemctl poweroff
		END
	done
	# Stands in for an agent where tests want none (COI_USE_DUMMY).
	write 0755 /usr/local/bin/dummy <<-'END'
		#!/bin/sh
		echo "dummy: $*"
		while printf '> ' && read -r line; do
			[ "$line" != exit ] || exit 0
			printf '%s\n' "$line"
		done
	END
}

# `docker compose` where the suite has only the command docker-compose.
make_compose() {
	has docker && has docker-compose || return 0
	! [ -e /usr/libexec/docker/cli-plugins/docker-compose ] || return 0
	write 0755 /usr/local/lib/docker/cli-plugins/docker-compose <<-'END'
		#!/bin/sh
		if [ "${1:-}" = docker-cli-plugin-metadata ]; then
			echo '{"SchemaVersion":"0.1.0","Vendor":"Debian","Version":"1.29","ShortDescription":"Docker Compose"}'
			exit 0
		fi
		[ "${1:-}" != compose ] || shift
		exec /usr/bin/docker-compose "$@"
	END
}

tune_docker() {
	has dockerd || return 0
	# Started by its socket at the first use: an idle container does without it.
	systemctl --root=/ disable docker.service containerd.service >/dev/null 2>&1 || true
	systemctl --root=/ enable docker.socket >/dev/null 2>&1
	write 0644 /etc/systemd/system/docker.socket.d/coi.conf <<-'END'
		[Socket]
		SocketGroup=code
	END
	make_compose
}

tune_systemd() {
	# Nothing of these can do its work in a container, or nobody waits for it.
	systemctl --root=/ mask \
		sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
		dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount \
		systemd-modules-load.service modprobe@.service systemd-remount-fs.service \
		systemd-pstore.service systemd-firstboot.service systemd-networkd-wait-online.service \
		systemd-journal-flush.service systemd-update-utmp.service \
		systemd-update-utmp-runlevel.service systemd-udevd.service systemd-udev-trigger.service \
		systemd-hwdb-update.service systemd-timesyncd.service udisks2.service \
		e2scrub_all.timer e2scrub_reap.service fstrim.timer apt-daily.timer \
		apt-daily-upgrade.timer dpkg-db-backup.timer \
		getty@tty1.service console-getty.service >/dev/null 2>&1
	systemctl --root=/ set-default multi-user.target >/dev/null 2>&1
	write 0644 /etc/systemd/system.conf.d/coi.conf <<-'END'
		[Manager]
		ShowStatus=no
		LogLevel=warning
		DefaultTimeoutStopSec=5s
	END
	write 0644 /etc/systemd/journald.conf.d/coi.conf <<-'END'
		[Journal]
		Storage=volatile
		RuntimeMaxUse=32M
	END
	# What lies in /tmp for long goes; looked at every 15 minutes.
	write 0644 /etc/tmpfiles.d/tmp.conf <<-'END'
		q /tmp 1777 root root 10d
		q /var/tmp 1777 root root 30d
	END
	write 0644 /etc/systemd/system/systemd-tmpfiles-clean.timer.d/coi.conf <<-'END'
		[Timer]
		OnUnitActiveSec=15min
	END
	write 0644 /etc/sysctl.d/60-coi.conf <<-'END'
		net.ipv4.ping_group_range = 0 65535
	END
}

tune_shell() {
	write 0644 /etc/tmux.conf <<-'END'
		set -g history-limit 50000
		set -s escape-time 10
		set -s extended-keys on
		set -g default-terminal "tmux-256color"
		set -as terminal-features 'xterm*:extkeys:RGB'
	END
	write 0644 /etc/default/locale <<-'END'
		LANG=C.UTF-8
	END
	write 0644 /etc/profile.d/coi.sh <<-'END'
		export LANG=${LANG:-C.UTF-8}
		case ":$PATH:" in
		*:"$HOME/.local/bin":*) ;;
		*) PATH=$HOME/.local/bin:$PATH ;;
		esac
	END
	# IPv6 is off: do not wait for it.
	write 0644 /etc/gai.conf <<-'END'
		precedence ::ffff:0:0/96 100
	END
	write 0644 /etc/apt/apt.conf.d/60coi <<-'END'
		Acquire::ForceIPv4 "true";
		Acquire::http::Timeout "30";
		Acquire::https::Timeout "30";
	END
}

tidy() {
	# What the build container was called is nobody's business.
	echo coi >/etc/hostname
	printf '127.0.0.1\tlocalhost\n' >/etc/hosts
	: >/etc/resolv.conf
	: >/etc/machine-id
	rm -f /var/lib/dbus/machine-id /etc/ssh/ssh_host_*
	rm -rf /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log /var/log/apt
	find /var/cache/apt /var/lib/apt/lists -type f -delete 2>/dev/null || true
	rm -rf /tmp/* /tmp/.[!.]* /root/.npm /root/.cache
	find /usr/local/lib/coi -name '*.map' -type f -delete 2>/dev/null || true
}

step "user code"
make_user
step "commands"
make_commands
tune_docker
step "systemd"
tune_systemd
tune_shell
install_npm
step "agents: ${COI_AGENTS:-none}"
check_agents
tidy
step "done"
