/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that are made for attacks, and what gets out of a container. */
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "monitor/rule.h"

/* Names without their directory, and without .py, .sh, .pl, .rb or .exe behind. */
static const char *const attack_tools[] = {
	/* passwords */
	"hydra",
	"medusa",
	"ncrack",
	"patator",
	"crowbar",
	"john",
	"hashcat",
	"cewl",
	"thc-hydra",
	/* exploits and control */
	"msfconsole",
	"msfvenom",
	"msfd",
	"sqlmap",
	"nikto",
	"wpscan",
	"commix",
	"xsser",
	"beef-xss",
	"empire",
	"powershell-empire",
	"sliver-client",
	"sliver-server",
	"merlin",
	"mythic-cli",
	"evil-winrm",
	"crackmapexec",
	"netexec",
	"nxc",
	"responder",
	"setoolkit",
	"weevely",
	"pupy",
	"villain",
	"hoaxshell",
	"routersploit",
	"searchsploit",
	"mimikatz",
	"mimipenguin",
	"lazagne",
	"secretsdump",
	"impacket-secretsdump",
	"impacket-psexec",
	"impacket-wmiexec",
	"psexec",
	"wmiexec",
	"smbexec",
	"ntlmrelayx",
	"bloodhound-python",
	"kerbrute",
	"rubeus",
	/* what can be done from here */
	"linpeas",
	"linenum",
	"linux-exploit-suggester",
	"les",
	"lse",
	"pspy",
	"pspy64",
	"pspy32",
	"unix-privesc-check",
	"deepce",
	"cdk",
	"amicontained",
	"traitor",
	"peirates",
	"kubeletctl",
	"botb",
	"dirtycow",
	"dirtypipe",
	"pwnkit",
	/* lines of others */
	"ettercap",
	"bettercap",
	"arpspoof",
	"dsniff",
	"mitmf",
	"yersinia",
	"airmon-ng",
	"aircrack-ng",
	"aireplay-ng",
	"reaver",
	"wifite",
	/* ways out */
	"chisel",
	"ligolo",
	"ligolo-ng",
	"ligolo-agent",
	"frpc",
	"rathole",
	"iodine",
	"dnscat",
	"dnscat2",
	"dns2tcpc",
	"ptunnel",
	"icmpsh",
	"revsocks",
	"reverse-ssh",
	"gsocket",
	"gs-netcat",
	"proxychains",
	"proxychains4",
	"sshuttle",
	/* what pays */
	"xmrig",
	"xmr-stak",
	"minerd",
	"cpuminer",
	"cgminer",
	"bfgminer",
	"ethminer",
	"t-rex",
	"nbminer",
	"lolminer",
	"phoenixminer",
	"kinsing",
	"kdevtmpfsi",
	NULL,
};

/* They look around; that has other uses. */
static const char *const scanners[] = {
	"nmap",        "masscan",  "zmap",        "rustscan",     "naabu",       "unicornscan",
	"fping",       "arp-scan", "netdiscover", "nbtscan",      "enum4linux",  "enum4linux-ng",
	"smbmap",      "snmpwalk", "onesixtyone", "gobuster",     "dirb",        "dirbuster",
	"feroxbuster", "ffuf",     "wfuzz",       "amass",        "subfinder",   "sublist3r",
	"dnsenum",     "dnsrecon", "fierce",      "theharvester", "whatweb",     "nuclei",
	"tcpdump",     "tshark",   "dumpcap",     "ngrok",        "cloudflared", "bore",
	NULL,
};

/* The name without an ending, in lower case. */
static char *tool_name(const char *word) {
	static const char *const ends[] = { ".py", ".sh", ".pl", ".rb", ".exe", ".elf", ".bin" };
	char *name = xstrdup(path_base(word));
	size_t n;

	for (char *p = name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 'a' - 'A');
	n = strlen(name);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t e = strlen(ends[i]);

		if (n > e && !strcmp(name + n - e, ends[i])) {
			name[n - e] = '\0';
			break;
		}
	}
	return name;
}

static bool is_tool(const char *word, const char *const *list) {
	autofree char *name = tool_name(word);

	return *name && word_in(name, list);
}

/* The program, or the script that an interpreter or a shell is given. */
static bool match_list(const struct exec_input *in, const char *const *list,
                       struct buf *indicator) {
	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];
		size_t at = 1;

		if (!c->words || !c->words[0])
			continue;
		if (is_tool(c->program, list) || is_tool(c->words[0], list)) {
			add_command(indicator, c);
			return true;
		}
		if (command_language(c->program) == LANGUAGE_NONE)
			continue;
		/* python -m sqlmap, python3 -u x.py, sh linpeas.sh */
		while (c->words[at] && c->words[at][0] == '-' && strcmp(c->words[at], "-m") != 0 &&
		       !strchr(c->words[at], 'c') && !strchr(c->words[at], 'e'))
			at++;
		if (c->words[at] && !strcmp(c->words[at], "-m"))
			at++;
		if (!c->words[at] || !is_tool(c->words[at], list))
			continue;
		add_command(indicator, c);
		return true;
	}
	return false;
}

static bool match_attack(const struct exec_input *in, struct buf *indicator) {
	return match_list(in, attack_tools, indicator);
}

static bool match_scanner(const struct exec_input *in, struct buf *indicator) {
	return match_list(in, scanners, indicator);
}

/* --- a program that is in no directory */

static bool match_memory(const struct exec_input *in, struct buf *indicator) {
	/* They copy themselves into memory, so that nobody changes them while they run. */
	static const char *const known[] = {
		"runc",        "crun", "runc:[2:INIT]", "runc:[1:CHILD]", "runc:[0:PARENT]",
		"docker-runc", NULL
	};
	const struct watch_exec *e = &in->event->exec;

	if (!e->is_in_memory || (in->event->comm && word_in(in->event->comm, known)) ||
	    (e->argc && word_in(path_base(e->argv[0]), known)))
		return false;
	buf_addf(indicator, "%s (%s)", *e->exe ? e->exe : "?", *e->file ? e->file : "?");
	return true;
}

/* --- out of the container */

static bool match_escape(const struct exec_input *in, struct buf *indicator) {
	static const char *const paths[] = {
		"release_agent",        "/proc/sys/kernel/core_pattern",
		"/proc/sysrq-trigger",  "/sys/kernel/uevent_helper",
		"/proc/1/root",         "/proc/sys/kernel/modprobe",
		"binfmt_misc/register", NULL
	};
	static const char *const modules[] = { "insmod", "modprobe", "kexec", NULL };

	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];
		bool fires = false;

		if (c->words && command_language(c->program) != LANGUAGE_SHELL)
			for (size_t k = 1; c->words[k]; k++)
				fires |= contains_any(c->words[k], paths) != NULL;
		for (size_t k = 0; k < c->redirect_count; k++)
			fires |= c->redirects[k].op[0] == '>' &&
			         contains_any(c->redirects[k].target, paths) != NULL;
		if (word_in(c->program, modules))
			fires = c->words && c->words[1] && c->words[1][0] != '-';
		if (!strcmp(c->program, "nsenter") && c->words)
			for (size_t k = 1; c->words[k]; k++)
				fires |= !strcmp(c->words[k], "-t1") ||
				         starts_with(c->words[k], "--target=1") ||
				         ((!strcmp(c->words[k], "-t") ||
				           !strcmp(c->words[k], "--target")) &&
				          c->words[k + 1] && !strcmp(c->words[k + 1], "1"));
		if (!fires)
			continue;
		add_command(indicator, c);
		return true;
	}
	return false;
}

/* --- users and passwords */

static bool match_users(const struct exec_input *in, struct buf *indicator) {
	static const char *const programs[] = { "useradd",  "adduser",  "usermod",
		                                "passwd",   "chpasswd", "visudo",
		                                "groupmod", "gpasswd",  NULL };

	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];

		if (!word_in(c->program, programs) ||
		    (c->words[1] && !strcmp(c->words[1], "--help")))
			continue;
		add_command(indicator, c);
		return true;
	}
	return false;
}

/* --- a text from a bare address, run at once */

static bool match_download(const struct exec_input *in, struct buf *indicator) {
	static const char *const loaders[] = { "curl", "wget", "fetch", NULL };

	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *load = &in->all->items[i];
		const char *host = NULL;
		size_t len = 0;
		bool is_local;

		if (load->is_top || !load->is_piped || !word_in(load->program, loaders))
			continue;
		for (size_t k = 1; load->words[k] && !host; k++)
			host = find_remote(load->words[k], &len, &is_local);
		for (size_t k = 0; host && k < in->all->count; k++) {
			const struct command *run = &in->all->items[k];

			if (run->pipeline != load->pipeline || run->stage <= load->stage ||
			    command_language(run->program) == LANGUAGE_NONE)
				continue;
			add_command(indicator, load);
			add_command(indicator, run);
			return true;
		}
	}
	return false;
}

/* --- what nobody can read */

static bool match_too_long(const struct exec_input *in, struct buf *indicator) {
	const struct command *c = in->all->count ? &in->all->items[0] : NULL;

	if (!in->all->is_cut || !c || command_language(c->program) == LANGUAGE_NONE)
		return false;
	buf_addf(indicator, "%llu bytes", (unsigned long long)in->event->exec.args_bytes);
	return true;
}

const struct exec_rule rules_tools[] = {
	{ "tool.attack", .level = AUDIT_HIGH, .category = AUDIT_PROCESS, "Attack tool",
	  "a program that is made for attacks, mining or tunnels", match_attack },
	{ "tool.scanner", .level = AUDIT_WARNING, .category = AUDIT_PROCESS, "Scanner or sniffer",
	  "a program that looks around in networks", match_scanner },
	{ "escape", .level = AUDIT_HIGH, .category = AUDIT_PROCESS,
	  "Attempt to leave the container", "what is named is of use outside of the container only",
	  match_escape },
	{ "memory", .level = AUDIT_HIGH, .category = AUDIT_PROCESS, "Program run from memory",
	  "the program that is run is in no directory", match_memory },
	{ "download", .level = AUDIT_WARNING, .category = AUDIT_PROCESS, "Downloaded and run",
	  "a text from a bare address or port is run at once", match_download },
	{ "too-long", .level = AUDIT_WARNING, .category = AUDIT_PROCESS, "Command line too long",
	  "a command line of an interpreter that is too long, or too nested, to be looked at",
	  match_too_long },
	{ "users", .level = AUDIT_WARNING, .category = AUDIT_AUTH, "Users changed",
	  "users, groups or passwords are changed", match_users },
	{ 0 },
};
