/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scripts only carry words to "coi __complete" and candidates back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"

static const char bash_script[] =
	"# bash completion for coi\n"
	"_coi() {\n"
	"	local line directive=:none cur=${COMP_WORDS[COMP_CWORD]}\n"
	"	local -a words=(\"${COMP_WORDS[@]:1:COMP_CWORD}\")\n"
	"	COMPREPLY=()\n"
	"	while IFS= read -r line; do\n"
	"		case $line in\n"
	"		:*) directive=$line ;;\n"
	"		*) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
	"		esac\n"
	"	done < <(\"${COMP_WORDS[0]}\" __complete \"${words[@]}\" 2>/dev/null)\n"
	"	[[ $cur == = ]] && cur=\n"
	"	case $directive in\n"
	"	:file) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n"
	"		compopt -o filenames 2>/dev/null ;;\n"
	"	:directory) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- \"$cur\")\n"
	"		compopt -o filenames 2>/dev/null ;;\n"
	"	esac\n"
	"}\n"
	"complete -F _coi coi\n";

static const char zsh_script[] =
	"#compdef coi\n"
	"_coi() {\n"
	"	local line directive=:none\n"
	"	local -a items\n"
	"	while IFS= read -r line; do\n"
	"		case $line in\n"
	"		:*) directive=$line ;;\n"
	"		*) items+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
	"		esac\n"
	"	done < <(\"$words[1]\" __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	"	(( $#items )) && _describe -V 'coi' items\n"
	"	case $directive in\n"
	"	:file) _files ;;\n"
	"	:directory) _files -/ ;;\n"
	"	esac\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _coi ]; then\n"
	"	_coi \"$@\"\n"
	"else\n"
	"	compdef _coi coi\n"
	"fi\n";

static const char fish_script[] =
	"# fish completion for coi\n"
	"function __coi_complete\n"
	"	set -l words (commandline -opc) (commandline -ct)\n"
	"	set -l lines ($words[1] __complete $words[2..-1] 2>/dev/null)\n"
	"	set -l current (commandline -ct)\n"
	"	for line in $lines\n"
	"		switch $line\n"
	"			case :file\n"
	"				__fish_complete_path $current\n"
	"			case :directory\n"
	"				__fish_complete_directories $current\n"
	"			case ':*'\n"
	"			case '*'\n"
	"				echo $line\n"
	"		end\n"
	"	end\n"
	"end\n"
	"complete -c coi -f -a '(__coi_complete)'\n";

static const struct {
	const char *shell;
	const char *script;
} scripts[] = {
	{ "bash", bash_script },
	{ "zsh", zsh_script },
	{ "fish", fish_script },
};

/* NULL when there is none for @shell. */
static const char *script_of(const char *shell) {
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		if (strcmp(scripts[i].shell, shell) == 0)
			return scripts[i].script;
	}
	return NULL;
}

static int completion_check(struct cli *cli, void *args, struct err *err) {
	if (!script_of(app_word(cli, 0)))
		return err_set(err, ERR_USAGE, -EINVAL, "no completion for '%s': bash, zsh, fish",
			       app_word(cli, 0));
	return 0;
}

static int completion_run(struct cli *cli, const void *args, struct err *err) {
	(void)fputs(script_of(app_word(cli, 0)), stdout);
	return 0;
}

static const struct cli_argument completion_arguments[] = {
	{ "shell", ARGUMENT_REQUIRED, COMPLETE_NONE, "bash, zsh or fish" },
	{ NULL },
};

static const struct cli_example completion_examples[] = {
	{ "source <(coi completion bash)", "In this shell; put it into ~/.bashrc to keep it." },
	{ "coi completion zsh > \"${fpath[1]}/_coi\"", "For zsh." },
	{ "coi completion fish > ~/.config/fish/completions/coi.fish", "For fish." },
	{ NULL },
};

const struct cli_command cmd_completion = {
	.name = "completion",
	.group = GROUP_OTHER,
	.summary = "print the completion script of a shell",
	.arguments = completion_arguments,
	.examples = completion_examples,
	.check = completion_check,
	.run = completion_run,
};
