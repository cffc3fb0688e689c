/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/places.h"

#include <stddef.h>
#include <string.h>

#define OWNERS(...)               \
	(const char *const[]) {   \
		__VA_ARGS__, NULL \
	}
#define SSH_OWNERS                                                                                \
	OWNERS("ssh", "scp", "sftp", "ssh-add", "ssh-keygen", "ssh-agent", "ssh-copy-id", "sshd", \
	       "git", "rsync", "ansible", "ansible-playbook", "mosh")
#define SECRET(pattern_, level_, what_, owners_) \
	{ pattern_, PLACE_SECRET, level_, what_, owners_ }
#define RUNS(pattern_, level_, what_) \
	{ pattern_, PLACE_PERSISTENCE, level_, what_, NULL }

static const struct place all[] = {
	SECRET(".ssh/id_*", AUDIT_HIGH, "a private key of ssh", SSH_OWNERS),
	SECRET(".ssh/*.pem", AUDIT_HIGH, "a private key of ssh", SSH_OWNERS),
	SECRET(".ssh/identity", AUDIT_HIGH, "a private key of ssh", SSH_OWNERS),
	SECRET("/etc/ssh/ssh_host_*_key", AUDIT_HIGH, "a key of the ssh server", SSH_OWNERS),
	SECRET("/etc/shadow*", AUDIT_HIGH, "password hashes",
	       OWNERS("passwd", "chpasswd", "su", "sudo", "login", "useradd", "usermod", "userdel",
	              "pwck", "grpck", "unix_chkpwd", "chage", "vipw", "groupadd", "adduser",
	              "dpkg", "pwconv")),
	SECRET("/etc/gshadow*", AUDIT_HIGH, "password hashes",
	       OWNERS("groupadd", "usermod", "useradd", "groupdel", "gpasswd", "adduser", "grpck")),
	SECRET("/etc/sudoers*", AUDIT_WARNING, "who may become root", OWNERS("sudo", "visudo")),
	SECRET(".aws/credentials", AUDIT_HIGH, "keys of AWS",
	       OWNERS("aws", "terraform", "node", "python")),
	SECRET(".aws/sso/cache/*", AUDIT_HIGH, "tokens of AWS", OWNERS("aws")),
	SECRET(".azure/*", AUDIT_HIGH, "tokens of Azure", OWNERS("az")),
	SECRET(".config/gcloud/*", AUDIT_HIGH, "tokens of Google Cloud",
	       OWNERS("gcloud", "gsutil", "bq")),
	SECRET(".kube/config", AUDIT_HIGH, "credentials of Kubernetes",
	       OWNERS("kubectl", "helm", "k9s", "kustomize", "oc", "minikube", "kind")),
	SECRET("/var/run/secrets/*", AUDIT_HIGH, "a token of Kubernetes", NULL),
	SECRET("/run/secrets/*", AUDIT_HIGH, "a mounted secret", NULL),
	SECRET(".docker/config.json", AUDIT_HIGH, "credentials of registries",
	       OWNERS("docker", "dockerd", "docker-compose", "docker-buildx", "podman", "skopeo",
	              "buildah")),
	SECRET(".gnupg/private-keys-v1.d/*", AUDIT_HIGH, "a private key of gpg",
	       OWNERS("gpg", "gpg2", "gpg-agent", "gpgsm", "git")),
	SECRET(".gnupg/secring.gpg", AUDIT_HIGH, "a private key of gpg", OWNERS("gpg", "gpg2")),
	SECRET(".netrc", AUDIT_HIGH, "passwords of hosts",
	       OWNERS("curl", "git", "ftp", "wget", "heroku")),
	SECRET(".git-credentials", AUDIT_HIGH, "passwords of git",
	       OWNERS("git", "git-credential-store", "git-remote-http", "git-remote-https")),
	SECRET(".config/git/credentials", AUDIT_HIGH, "passwords of git",
	       OWNERS("git", "git-credential-store")),
	SECRET(".config/gh/hosts.yml", AUDIT_HIGH, "a token of GitHub", OWNERS("gh", "git")),
	SECRET(".config/glab-cli/config.yml", AUDIT_HIGH, "a token of GitLab", OWNERS("glab")),
	SECRET(".npmrc", AUDIT_WARNING, "settings of npm, with tokens",
	       OWNERS("npm", "npx", "node", "yarn", "pnpm", "bun", "corepack")),
	SECRET(".pypirc", AUDIT_HIGH, "passwords of PyPI",
	       OWNERS("twine", "python", "pip", "poetry", "uv")),
	SECRET(".cargo/credentials*", AUDIT_HIGH, "tokens of crates.io", OWNERS("cargo")),
	SECRET(".pgpass", AUDIT_HIGH, "passwords of PostgreSQL",
	       OWNERS("psql", "pg_dump", "pg_restore")),
	SECRET(".my.cnf", AUDIT_WARNING, "passwords of MySQL",
	       OWNERS("mysql", "mysqldump", "mariadb")),
	SECRET(".vault-token", AUDIT_HIGH, "a token of Vault", OWNERS("vault")),
	SECRET(".terraform.d/credentials*", AUDIT_HIGH, "tokens of Terraform",
	       OWNERS("terraform", "tofu")),
	SECRET(".password-store/*", AUDIT_HIGH, "a stored password", OWNERS("pass", "gpg")),
	SECRET(".local/share/keyrings/*", AUDIT_HIGH, "a key ring", NULL),
	SECRET(".claude/.credentials.json", AUDIT_HIGH, "a login of an agent",
	       OWNERS("claude", "node")),
	SECRET(".codex/auth.json", AUDIT_HIGH, "a login of an agent", OWNERS("codex", "node")),
	SECRET(".pi/agent/auth.json", AUDIT_HIGH, "a login of an agent", OWNERS("pi", "node")),
	SECRET(".local/share/opencode/auth.json", AUDIT_HIGH, "a login of an agent",
	       OWNERS("opencode")),
	SECRET(".mozilla/firefox/*/logins.json", AUDIT_HIGH, "passwords of a browser",
	       OWNERS("firefox")),
	SECRET(".config/google-chrome/*/Login Data", AUDIT_HIGH, "passwords of a browser",
	       OWNERS("chrome")),
	SECRET(".bitcoin/wallet.dat", AUDIT_HIGH, "a wallet", OWNERS("bitcoind", "bitcoin-qt")),
	SECRET(".ethereum/keystore/*", AUDIT_HIGH, "a wallet", OWNERS("geth")),
	SECRET(".bash_history", AUDIT_WARNING, "what was typed", OWNERS("bash")),
	SECRET(".zsh_history", AUDIT_WARNING, "what was typed", OWNERS("zsh")),
	SECRET("**/.env", AUDIT_WARNING, "variables of a project, with secrets",
	       OWNERS("node", "docker", "docker-compose", "python", "ruby", "php", "direnv")),
	SECRET("**/.env.local", AUDIT_WARNING, "variables of a project, with secrets",
	       OWNERS("node")),
	SECRET("**/.env.production", AUDIT_WARNING, "variables of a project, with secrets",
	       OWNERS("node")),
	SECRET("**/credentials.json", AUDIT_WARNING, "credentials", OWNERS("node", "python")),
	SECRET("**/service-account*.json", AUDIT_WARNING, "credentials of a service",
	       OWNERS("node", "python", "gcloud")),

	RUNS(".ssh/authorized_keys*", AUDIT_HIGH, "who may log in by ssh"),
	RUNS(".ssh/rc", AUDIT_HIGH, "what an ssh login runs"),
	RUNS("/etc/ld.so.preload", AUDIT_HIGH, "what every program loads"),
	RUNS("/etc/crontab", AUDIT_HIGH, "what cron runs"),
	RUNS("/etc/cron.d/*", AUDIT_HIGH, "what cron runs"),
	RUNS("/etc/cron.hourly/*", AUDIT_HIGH, "what cron runs"),
	RUNS("/etc/cron.daily/*", AUDIT_HIGH, "what cron runs"),
	RUNS("/etc/cron.weekly/*", AUDIT_HIGH, "what cron runs"),
	RUNS("/etc/cron.monthly/*", AUDIT_HIGH, "what cron runs"),
	RUNS("/var/spool/cron/*", AUDIT_HIGH, "what cron runs"),
	RUNS("/etc/anacrontab", AUDIT_HIGH, "what cron runs"),
	RUNS("/etc/systemd/system/*", AUDIT_HIGH, "what systemd starts"),
	RUNS("/etc/systemd/user/*", AUDIT_HIGH, "what systemd starts"),
	RUNS("/lib/systemd/system/*", AUDIT_HIGH, "what systemd starts"),
	RUNS("/usr/lib/systemd/system/*", AUDIT_WARNING, "what systemd starts"),
	RUNS(".config/systemd/user/*", AUDIT_HIGH, "what systemd starts"),
	RUNS("/etc/init.d/*", AUDIT_HIGH, "what the start of the system runs"),
	RUNS("/etc/rc.local", AUDIT_HIGH, "what the start of the system runs"),
	RUNS("/etc/profile", AUDIT_WARNING, "what every login shell runs"),
	RUNS("/etc/profile.d/*", AUDIT_WARNING, "what every login shell runs"),
	RUNS("/etc/bash.bashrc", AUDIT_WARNING, "what every shell runs"),
	RUNS("/etc/pam.d/*", AUDIT_HIGH, "how logins are checked"),
	RUNS("/etc/sudoers*", AUDIT_HIGH, "who may become root"),
	RUNS("/etc/passwd", AUDIT_WARNING, "the users"),
	RUNS("/etc/shadow", AUDIT_WARNING, "the users' passwords"),
	RUNS("/etc/udev/rules.d/*", AUDIT_HIGH, "what devices start"),
	RUNS("/etc/update-motd.d/*", AUDIT_HIGH, "what a login runs"),
	RUNS("/etc/apt/apt.conf.d/*", AUDIT_WARNING, "what apt runs"),
	RUNS("/etc/xdg/autostart/*", AUDIT_HIGH, "what a desktop starts"),
	RUNS(".config/autostart/*", AUDIT_HIGH, "what a desktop starts"),
	RUNS(".bashrc", AUDIT_WARNING, "what a shell runs"),
	RUNS(".bash_profile", AUDIT_WARNING, "what a login shell runs"),
	RUNS(".bash_login", AUDIT_WARNING, "what a login shell runs"),
	RUNS(".bash_logout", AUDIT_WARNING, "what a shell runs"),
	RUNS(".bash_aliases", AUDIT_WARNING, "what a shell runs"),
	RUNS(".profile", AUDIT_WARNING, "what a login shell runs"),
	RUNS(".zshrc", AUDIT_WARNING, "what a shell runs"),
	RUNS(".zshenv", AUDIT_WARNING, "what a shell runs"),
	RUNS(".zprofile", AUDIT_WARNING, "what a login shell runs"),
	RUNS(".config/fish/config.fish", AUDIT_WARNING, "what a shell runs"),
	RUNS("**/.git/hooks/*", AUDIT_WARNING, "what git runs"),
	{ 0 },
};

const struct place *places(void) {
	return all;
}

/* '*' is any text without '/'; as the last letter, any text at all. */
static bool fits(const char *pattern, const char *path) {
	for (; *pattern; pattern++, path++) {
		if (*pattern == '*') {
			if (!pattern[1])
				return *path != '\0' || path[-1] != '/';
			for (; *path && *path != '/'; path++)
				if (fits(pattern + 1, path))
					return true;
			return fits(pattern + 1, path);
		}
		if (*pattern != *path)
			return false;
	}
	return !*path;
}

/* What is behind the home of somebody; NULL: it is in none. */
static const char *below_home(const char *path) {
	static const char *const homes[] = { "/root/", "~/", "$HOME/", "${HOME}/" };
	const char *slash;

	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++)
		if (!strncmp(path, homes[i], strlen(homes[i])))
			return path + strlen(homes[i]);
	if (path[0] == '~' && (slash = strchr(path, '/'))) /* ~ann/ */
		return slash + 1;
	if (strncmp(path, "/home/", 6) != 0)
		return NULL;
	slash = strchr(path + 6, '/');
	return slash ? slash + 1 : NULL;
}

/* "**" and a path: at the end of @path, from a directory on. */
static bool fits_anywhere(const char *pattern, const char *path) {
	for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
		if (fits(pattern, at))
			return true;
	return false;
}

const struct place *place_find(const char *path, enum place_kind kind) {
	const char *in_home = below_home(path);
	/* "cd ~/.ssh; cat id_rsa" is not seen; ".ssh/id_rsa" from the home is. */
	const char *relative = path[0] == '.' && path[1] != '/' && path[1] != '.' ? path : NULL;

	for (const struct place *p = all; p->pattern; p++) {
		if (p->kind != kind)
			continue;
		if (p->pattern[0] == '/'             ? fits(p->pattern, path)
		    : !strncmp(p->pattern, "**/", 3) ? fits_anywhere(p->pattern + 3, path)
		                                     : (in_home && fits(p->pattern, in_home)) ||
		                                               (relative && strchr(relative, '/') &&
		                                                fits(p->pattern, relative)))
			return p;
	}
	return NULL;
}
