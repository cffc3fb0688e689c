# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash

codename_here() {
	(. /etc/os-release && echo "$VERSION_CODENAME")
}

# CODENAME PACKAGE,... FILE.tar [OPTION...]: a minimal Debian with these packages, from where
# this machine has its own. The suites of another release are this one's under its name.
debian_root() {
	local codename=$1 packages=$2 out=$3 here
	shift 3
	here=$(codename_here)
	mmdebstrap --quiet --mode=root --variant=minbase --format=tar --include="$packages" \
		--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "5"' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
		"$@" "$codename" "$out" - <<-LINES >&2
		$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
			'Created-By: Packages' | sort -u |
			sed -n "s/ $here\\(-updates\\|-security\\)\\? main\$/ $codename\\1 main/p")
	LINES
}
