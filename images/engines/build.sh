#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Adds engines of containers to an image of coi's. Runs once, as root, in a container of
# that image, which has no network: what is installed lies in $COI_BUILD/debs.
set -euo pipefail
umask 022

COI_BUILD=${COI_BUILD:-/run/coi/build}
export DEBIAN_FRONTEND=noninteractive

step() { printf '==> %s\n' "$*"; }
has() { command -v "$1" >/dev/null 2>&1; }

write() { # MODE FILE: the content comes from standard input
	mkdir -p "$(dirname "$2")"
	cat >"$2"
	chmod "$1" "$2"
}

install_packages() {
	local debs=("$COI_BUILD"/debs/*.deb)
	if [ ! -e "${debs[0]}" ]; then
		echo "all packages are there already"
		return 0
	fi
	# As root, or apt says at length that its own user cannot read the files.
	apt-get --yes --quiet --no-install-recommends \
		-o APT::Sandbox::User=root -o Dpkg::Use-Pty=false install "${debs[@]}"
}

# Started by its socket at the first use: an idle container does without it.
tune_docker() {
	has dockerd || return 0
	systemctl --root=/ disable docker.service containerd.service >/dev/null 2>&1 || true
	systemctl --root=/ enable docker.socket >/dev/null 2>&1
	! getent group code >/dev/null || write 0644 /etc/systemd/system/docker.socket.d/coi.conf <<-'END'
		[Socket]
		SocketGroup=code
	END
	! getent passwd code >/dev/null || usermod -aG docker code
}

# No daemon, and nothing that needs systemd, so that it is the same in `coi run`.
tune_podman() {
	has podman || return 0
	systemctl --root=/ disable podman.service podman.socket podman-auto-update.timer \
		podman-auto-update.service podman-restart.service >/dev/null 2>&1 || true
	write 0644 /etc/containers/containers.conf <<-'END'
		[containers]
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		runtime = "crun"
	END
	# The root file system is an overlay, and on that the kernel's does not lie.
	write 0644 /etc/containers/storage.conf <<-'END'
		[storage]
		driver = "overlay"
		runroot = "/run/containers/storage"
		graphroot = "/var/lib/containers/storage"
		[storage.options.overlay]
		mount_program = "/usr/bin/fuse-overlayfs"
	END
	# A name without a registry is one of an image that is here.
	write 0644 /etc/containers/registries.conf.d/coi.conf <<-'END'
		short-name-mode = "permissive"
	END
}

tidy() {
	rm -rf /var/log/*.log /var/log/apt
	find /var/cache/apt /var/lib/apt/lists -type f -delete 2>/dev/null || true
	rm -rf /tmp/* /tmp/.[!.]*
}

step "packages"
install_packages
step "docker, podman"
tune_docker
tune_podman
tidy
step "done"
