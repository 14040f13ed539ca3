# bash completion for cagent-policyd(8)

# The command, of one word or two, that stands before the current one.
_cagent_policyd_command()
{
	local i
	command=''
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) return ;;
		root) command=root ;;
		*)
			[[ $command == root ]] && command="root ${COMP_WORDS[i]}"
			[[ -z $command ]] && command=${COMP_WORDS[i]}
			[[ -n $command && $command != root ]] && return ;;
		esac
	done
}

_cagent_policyd()
{
	local cur=${COMP_WORDS[COMP_CWORD]}
	local prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command words='' options=''
	local keys='--policy-key --rank-key --seal-key'
	local thresholds='--threshold --policy-threshold'

	COMPREPLY=()
	case $prev in
	--threshold | --policy-threshold | --remove | --audience | --expires)
		return ;;
	--serial)
		mapfile -t COMPREPLY < <(compgen -W auto -- "$cur")
		return ;;
	esac
	_cagent_policyd_command
	case $command in
	'')
		words='init keygen root sign add-signature verify'
		options='--help --version' ;;
	init) options='--expires' ;;
	keygen) options='--sign --seal' ;;
	root) words='new rotate add-signature show' ;;
	'root new') options="--key $keys $thresholds --expires -o" ;;
	'root rotate')
		options="--remove --key $keys $thresholds --expires -o" ;;
	'root add-signature' | add-signature) options='--key --root' ;;
	sign)
		[[ $prev == sign ]] && words='policy rank'
		options='--key --root --audience --serial --expires -o' ;;
	verify) options='--root --audience' ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif [[ -n $words ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

complete -F _cagent_policyd cagent-policyd
