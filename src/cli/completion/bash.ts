import { takeAnswerLine } from './answer-line.ts'

/** For bash 4 and later. Works with and without the bash-completion package, and beside docker's own completion. */
export const bashScript = String.raw`# bash completion for docker vault, docker-vault and secretbox

# Sets words and cword to the line's words as if ":" and "=" broke none.
__secretbox_words() {
    local rest=$COMP_LINE word trimmed i
    words=() cword=0
    for ((i = 0; i < ${'$'}{#COMP_WORDS[@]}; i++)); do
        word=${'$'}{COMP_WORDS[i]}
        trimmed=${'$'}{rest#"${'$'}{rest%%[![:space:]]*}"}
        if ((i > 0)) && [[ $trimmed == "$rest" && -n $rest ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
        rest=${'$'}{trimmed#"$word"}
        ((i == COMP_CWORD)) && cword=$((${'$'}{#words[@]} - 1))
    done
}

# Completes words[from..cword] by asking the command that follows, with these words after it.
__secretbox_ask() {
    local from=$1 cur quote= line directive=0 value
    shift
    local -a asked=("${'$'}{words[@]:from:cword - from + 1}")
    asked=("${'$'}{asked[@]//\\/}")
    cur=${'$'}{asked[-1]}
    case $cur in
        [\'\"]*) quote=${'$'}{cur:0:1} cur=${'$'}{cur:1} asked[-1]=$cur ;;
    esac
    # Readline replaces only what follows the last break within the word; quotes keep a word whole.
    local prefix= break
    for break in : =; do
        [[ -z $quote && $cur == *$break* && $COMP_WORDBREAKS == *$break* ]] || continue
        value=${'$'}{cur%"${'$'}{cur##*$break}"}
        ((${'$'}{#value} > ${'$'}{#prefix})) && prefix=$value
    done
    COMPREPLY=()
    while IFS= read -r line; do
        ${takeAnswerLine(':+([0-9])')}
        value=${'$'}{value#"$prefix"}
        [[ -z $quote ]] && printf -v value %q "$value"
        COMPREPLY+=("$value")
    done < <("$@" __complete "${'$'}{asked[@]}" 2>/dev/null)
    ((directive & 2)) && compopt -o nospace
    # Newer than bash 4.3.
    ((directive & 32)) && compopt -o nosort 2>/dev/null
    if ((!(directive & 4) && !(directive & 1))); then
        compopt -o filenames
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
    fi
}

_secretbox() {
    shopt -q extglob || { shopt -s extglob; trap 'shopt -u extglob; trap - RETURN' RETURN; }
    local -a words
    local cword
    __secretbox_words
    __secretbox_ask 1 "$1"
}

# docker itself: ours after "vault", docker's own otherwise.
_secretbox_docker() {
    local -a words
    local cword i
    __secretbox_words
    for ((i = 1; i < cword; i++)); do
        case ${'$'}{words[i]} in
            --config | --context | -c | --host | -H | --log-level | -l | --tlscacert | --tlscert | --tlskey) ((i++)) ;;
            -*) ;;
            vault)
                shopt -q extglob || { shopt -s extglob; trap 'shopt -u extglob; trap - RETURN' RETURN; }
                __secretbox_ask $((i + 1)) "${'$'}{words[@]:0:i + 1}"
                return
                ;;
            *) break ;;
        esac
    done
    if [[ -z $__secretbox_docker_own ]]; then
        # bash-completion loads docker's completion when it is first wanted, and that takes our place.
        if declare -F _comp_load >/dev/null; then _comp_load docker; elif declare -F _completion_loader >/dev/null; then _completion_loader docker; fi
        __secretbox_take_docker
    fi
    [[ -n $__secretbox_docker_own ]] && "$__secretbox_docker_own" "$@"
}

__secretbox_take_docker() {
    local own
    own=$(complete -p docker 2>/dev/null)
    own=${'$'}{own##*-F }
    own=${'$'}{own%% *}
    [[ $own == _secretbox_docker ]] || __secretbox_docker_own=$own
    complete -o default -F _secretbox_docker docker
}

__secretbox_docker_own=
__secretbox_take_docker
complete -F _secretbox docker-vault secretbox
`
