import { shellOperand } from '../../base/shell-word.ts'
import type { OptionDifference } from '../../volumes/options.ts'

/** What a volume has instead of what was given for it, for people: `mode=0400 instead of mode=0440`. */
export function differencesText(differences: readonly OptionDifference[]): string {
  return differences
    .map(({ option, given, has }) => `${setting(option, has)} instead of ${setting(option, given)}`)
    .join(', ')
}

/** Why options were passed over, and what to do. */
export function passedOverHint(volume: string | null): string {
  const remove =
    volume === null ? 'remove it first' : `remove it first (docker volume rm ${shellOperand(volume)})`
  return `docker asks no driver about a volume that exists, and takes it as it is: ${remove}, or use another name`
}

function setting(option: string, value: string | null): string {
  return value === null ? `no ${option}` : `${option}=${value}`
}
