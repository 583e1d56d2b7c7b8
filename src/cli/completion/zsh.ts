import { takeAnswerLine } from './answer-line.ts'

/** For zsh 5, sourced after compinit or put into a directory of $fpath as "_docker-vault". */
export const zshScript = String.raw`#compdef docker-vault secretbox docker
# zsh completion for docker vault, docker-vault and secretbox

# Completes the words from the first argument's index on by asking the command that follows.
__secretbox_ask() {
    local from=$1 line value meaning directive=0
    shift
    local -a asked=("${'$'}{(@Q)words[from,CURRENT-1]}" "${'$'}{(Q)PREFIX}") values described
    while IFS= read -r line; do
        ${takeAnswerLine(':<->')}
        meaning=
        [[ $line == *$'\t'* ]] && meaning=${'$'}{line#*$'\t'}
        values+=("$value")
        described+=("$value${'$'}{meaning:+  -- $meaning}")
    done < <("$@" __complete "${'$'}{asked[@]}" 2>/dev/null)
    local -a suffix
    ((directive & 2)) && suffix=(-S '')
    ((directive & 32)) && suffix+=(-V in-order)
    ((${'$'}{#values})) && compadd -l "${'$'}{suffix[@]}" -d described -a values
    ((!(directive & 4) && !(directive & 1))) && _files
    return 0
}

_secretbox() {
    __secretbox_ask 2 "${'$'}{words[1]}"
}

# docker itself: ours after "vault", docker's own otherwise.
_secretbox_docker() {
    local i
    for ((i = 2; i < CURRENT; i++)); do
        case ${'$'}{words[i]} in
            --config | --context | -c | --host | -H | --log-level | -l | --tlscacert | --tlscert | --tlskey) ((i++)) ;;
            -*) ;;
            vault)
                __secretbox_ask $((i + 1)) "${'$'}{(@Q)words[1,i]}"
                return
                ;;
            *) break ;;
        esac
    done
    if ((${'$'}{+functions[_docker]})); then
        _docker "$@"
    else
        _default
    fi
}

if [[ ${'$'}{funcstack[1]} == _docker-vault ]]; then
    if [[ $service == docker ]]; then
        _secretbox_docker "$@"
    else
        _secretbox "$@"
    fi
else
    compdef _secretbox docker-vault secretbox
    compdef _secretbox_docker docker
fi
`
