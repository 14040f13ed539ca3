# bash completion for cagent-policyd(8)

# The command, of one word or two, that stands before the current one.
_cagent_policyd_command()
{
	local i
	command=''
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) return ;;
		esac
		if [[ -n $command ]]; then
			command="$command ${COMP_WORDS[i]}"
			return
		fi
		command=${COMP_WORDS[i]}
		case $command in
		root | policy | override | token | agent) ;;
		*) return ;;
		esac
	done
}

_cagent_policyd()
{
	local cur=${COMP_WORDS[COMP_CWORD]}
	local prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command words='' options='' none=''
	local keys='--policy-key --rank-key --seal-key'
	local thresholds='--threshold --policy-threshold'
	local server='--run-dir -f --json'

	COMPREPLY=()
	case $prev in
	--threshold | --policy-threshold | --remove | --revoke | \
		--key-expires | --audience | --expires | --for | --group | \
		--not | --since | --timeout | --why)
		return ;;
	--run-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	--serial)
		mapfile -t COMPREPLY < <(compgen -W auto -- "$cur")
		return ;;
	esac
	_cagent_policyd_command
	case $command in
	'')
		words='init keygen root sign add-signature verify serve'
		words+=' publish policy use overrides override token agents'
		words+=' agent ranks why status events'
		options='--help --version' ;;
	init) options='--expires' ;;
	keygen) options='--sign --seal' ;;
	root) words='new rotate add-signature show' ;;
	'root new') options="--key $keys $thresholds --key-expires --expires -o" ;;
	'root rotate')
		options="--remove --revoke --key $keys $thresholds"
		options+=' --key-expires --expires -o' ;;
	'root add-signature' | add-signature) options='--key --root' ;;
	sign)
		[[ $prev == sign ]] && words='policy rank'
		options='--key --root --audience --serial --expires -o' ;;
	verify) options='--root --audience' ;;
	serve) options='-D -t -v -f' ;;
	publish) options="--wait --timeout --force $server" ;;
	policy) words='show history rollback diff' ;;
	'policy show' | 'policy diff') options="--audience $server" none=1 ;;
	'policy rollback') options="--audience -o $server" ;;
	use) options="--not --for --group --why $server" none=1 ;;
	override) words=end ;;
	token) words=new ;;
	'token new') options="--group --for -o $server" none=1 ;;
	agent) words='show add remove' ;;
	'agent add') options="--group --key $server" none=1 ;;
	ranks | why) options="--group $server" none=1 ;;
	events) options="--follow --since $server" none=1 ;;
	'policy history' | overrides | 'override end' | agents | \
		'agent show' | 'agent remove' | status)
		options=$server none=1 ;;
	esac
	case $prev in
	-f | -o | --key | --root | --*-key) none='' ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif [[ -n $words ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	elif [[ -z $none ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

complete -F _cagent_policyd cagent-policyd
