# bash completion for cagent-probe(8)

_cagent_probe()
{
	local cur=${COMP_WORDS[COMP_CWORD]}
	local prev=${COMP_WORDS[COMP_CWORD - 1]}
	local words='socks5:// socks4a:// http:// https:// direct://'

	# A colon and an equals sign are words of their own to readline.
	[[ $cur == '=' ]] && cur=''
	[[ $prev == '=' ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
	COMPREPLY=()
	case $prev in
	--password-file | --cacert)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	--target) words='http:// https:// tcp://' ;;
	-n | --count | --interval | --timeout | --parallel | --rate | :) return ;;
	esac
	[[ $cur == -* ]] && words='--target --count --interval --timeout
	    --parallel --rate --password-file --cacert --json --quiet --no-color
	    --help --version'
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	[[ $cur != -* ]] && compopt -o nospace 2>/dev/null
}

complete -F _cagent_probe cagent-probe
