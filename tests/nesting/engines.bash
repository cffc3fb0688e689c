# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What containers inside are made of, and what they look at, in the workspace.

engine_files() {
	# An image "small" of busybox and curl, with the libraries that curl wants.
	cp /bin/busybox "$T/ws/busybox"
	cat >"$T/ws/make-image" <<-'END'
		set -eu
		engine=$1
		cd "$(mktemp -d)"
		mkdir -p bin etc tmp
		cp /workspace/busybox bin/
		for name in cat echo httpd id ls mount sh sleep; do ln -s busybox bin/$name; done
		cp -L "$(command -v curl)" bin/
		nss=$(ldconfig -p | sed -n 's/.*=> \(.*libnss_\(dns\|files\)\.so\.2\)$/\1/p')
		for file in $(ldd "$(command -v curl)" $nss | grep -o '/[^ :]*' | sort -u) $nss; do
			[ -e ".$file" ] || { mkdir -p ".$(dirname "$file")" && cp -L "$file" ".$file"; }
		done
		echo 'hosts: files dns' >etc/nsswitch.conf
		tar -c . | $engine import - small >/dev/null 2>&1
	END
	# Which of these addresses answer, all asked at once; the first argument runs curl.
	cat >"$T/ws/reach" <<-'END'
		for address in 203.0.113.10 198.51.100.10 169.254.169.254 10.9.8.7 192.168.50.1 100.64.0.9 "$2"; do
			echo "
				if curl -sS -o /dev/null -m 3 http://$address/ 2>/dev/null; then
					echo $address answers
				else
					echo $address does not
				fi &"
		done >/tmp/reach.$$
		echo wait >>/tmp/reach.$$
		$1 sh -c "$(cat /tmp/reach.$$)" | sort
	END
}
