# bash completion for cagent-ctl(8)

_cagent_ctl_names()
{
	# The table is read without an answer of the daemon, so this is quick.
	"${COMP_WORDS[0]}" ${run_dir:+"--run-dir=$run_dir"} tiers --json \
	    2>/dev/null | sed 's/.*"rows":\[//' | tr '{},' '\n' |
	    sed -n 's/^"name":"\([a-z0-9._-]\{1,\}\)"$/\1/p'
}

# The command, how many words stand after it before the current one, and the
# run directory, if said.
_cagent_ctl_command()
{
	local i
	command='' after=0 run_dir=''
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--run-dir | --user | --login | --service | --source | --protocol | \
		    --class | --root | -n | --lines | --view | --sort | --interval)
			[[ ${COMP_WORDS[i + 1]} == '=' ]] && ((i++))
			[[ ${COMP_WORDS[i]}${COMP_WORDS[i - 1]} == *--run-dir* ]] &&
			    run_dir=${COMP_WORDS[i + 1]}
			((i++)) ;;
		-*) ;;
		=) ((i++)) ;;
		*)
			if [[ -z $command ]]; then
				command=${COMP_WORDS[i]}
			else
				((after++))
			fi ;;
		esac
	done
}

_cagent_ctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]}
	local prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command after run_dir words=
	local options='--json --describe --no-color --run-dir --help --version'

	[[ $cur == '=' ]] && cur=''
	[[ $prev == '=' ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
	COMPREPLY=()
	case $prev in
	--run-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	--root)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	--user)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		return ;;
	--protocol) words='socks4 socks4a socks5 http redirect tproxy' ;;
	--view) words='tunnels users classes intermediaries' ;;
	--class) words='critical interactive normal bulk' ;;
	-n | --lines | --watch | --sort | --interval | --login | --service | --source) return ;;
	esac
	if [[ -n $words ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi

	_cagent_ctl_command
	case $command in
	'')
		words="status tiers show why route classes tunnels top learned events drain
		    enable pin unpin env config policy passwd doctor"
		options+=' --watch' ;;
	tunnels)
		options+=' --watch'
		words='class= user= via= host=' ;;
	top)
		options+=' --view --sort --interval --lines'
		words='class= user= via= host=' ;;
	status | tiers | classes | learned) options+=' --watch' ;;
	show) options+=' --watch' ;;
	route) options+=' --user --login --service --source --protocol --class' ;;
	events) options+=' -f -n' ;;
	passwd) options+=' -f -D -l' ;;
	env) options+=' --shell --transparent' ;;
	config) ((after == 0)) && words=check ;;
	policy)
		((after == 0)) &&
		    words='show history load verify diff rollback server key'
		options+=' --root --serial --key --expires -o' ;;
	esac
	case $command in
	show | why | drain | enable | pin | unpin)
		((after == 0)) && [[ $cur != -* ]] &&
		    words=$(_cagent_ctl_names) ;;
	esac
	[[ $cur == -* ]] && words=$options
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	if [[ $command == @(config|policy) && $after -eq 1 ||
	    $command == policy && $after -eq 2 ||
	    $command == @(doctor|env) ]] &&
	    [[ $cur != -* ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

complete -F _cagent_ctl cagent-ctl
