# fish completion for coi
function __coi_complete
	set -l words (commandline -opc) (commandline -ct)
	set -l lines ($words[1] __complete $words[2..-1] 2>/dev/null)
	set -l current (commandline -ct)
	for line in $lines
		switch $line
			case :file
				__fish_complete_path $current
			case :directory
				__fish_complete_directories $current
			case ':*'
			case '*'
				echo $line
		end
	end
end
complete -c coi -f -a '(__coi_complete)'
