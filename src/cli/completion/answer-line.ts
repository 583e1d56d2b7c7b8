/**
 * Shell code, in a loop over the lines that `__complete` answers with: it goes on with the next line after the one that is
 * a directive, which the shell knows by `pattern`, and takes the value of any other.
 */
export function takeAnswerLine(pattern: string): string {
  return String.raw`if [[ $line == ${pattern} ]]; then
            directive=${'$'}{line#:}
            continue
        fi
        value=${'$'}{line%%$'\t'*}`
}
