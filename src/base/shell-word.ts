/** A word as a shell takes it (POSIX, 2.2.2): for commands that people are to paste. */
export function shellWord(text: string): string {
  return /^[\w.,:/=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** The same as an operand of ours: one that looks like an option has `--` before it. */
export function shellOperand(text: string): string {
  return `${text.startsWith('-') ? '-- ' : ''}${shellWord(text)}`
}
