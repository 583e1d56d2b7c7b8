/** For fish 3. */
export const fishScript = String.raw`# fish completion for docker vault, docker-vault and secretbox

function __secretbox_complete
    set -l words (commandline -opc)
    set -l current (string unescape -- (commandline -ct); or commandline -ct)
    set -l program $words[1]
    set -e words[1]
    if test (basename $program) = docker
        # Docker's own options may come before "vault"; they go with the command.
        while set -q words[1]; and test "$words[1]" != vault
            set -a program $words[1]
            set -e words[1]
        end
        set -a program vault
        set -e words[1]
    end
    set -l lines ($program __complete $words "$current" 2>/dev/null)
    set -l directive (string replace -r '^:' '' -- $lines[-1])
    set -e lines[-1]
    printf '%s\n' $lines
    # In cobra's numbers: neither "no files" (4) nor "error" (1).
    if contains -- "$directive" 0 2
        __fish_complete_path "$current"
    end
end

function __secretbox_after_vault
    contains -- vault (commandline -opc)
end

complete -k -c docker-vault -f -a '(__secretbox_complete)'
complete -k -c secretbox -f -a '(__secretbox_complete)'
complete -k -c docker -n __secretbox_after_vault -f -a '(__secretbox_complete)'
`
