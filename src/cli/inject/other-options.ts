import { isSecretboxError, quote } from '../../base/errors.ts'
import { parseVolumeName, type VolumeName } from '../../base/names.ts'
import { optionDifferences } from '../../volumes/options.ts'
import type { Cli } from '../declare/cli.ts'
import { differencesText, passedOverHint } from '../output/option-differences.ts'
import { valuesOf, type CommandLine } from './command-line.ts'
import { isSameDriver, readMount } from './mount-value.ts'

/**
 * Warns of mounts whose options docker will pass over, since their volume exists and has others. `driver` is our own, by the
 * name that the Engine has for it.
 */
export async function warnOfOtherOptions(cli: Cli, line: CommandLine, driver: string): Promise<void> {
  const mounts = valuesOf(line, 'mount')
    .map(readMount)
    .filter(
      ({ type, source, options, driver: given }) =>
        type === 'volume' &&
        source !== '' &&
        Object.keys(options).length > 0 &&
        // Of a volume that exists docker needs no driver's name.
        (given === null || isSameDriver(given, driver))
    )
  if (mounts.length === 0) return
  const volumes = new Map((await cli.api.volumes()).map(({ name, options }) => [name, options]))
  for (const { source, options: given } of mounts) {
    const [has, volume] = [volumes.get(source), nameOf(source)]
    if (has === undefined || volume === null) continue
    const differences = optionDifferences(volume, { ...has }, given)
    if (differences.length === 0) continue
    cli.note(`warning: volume ${quote(source)} exists already, with ${differencesText(differences)}`)
    cli.note(`hint: ${passedOverHint(source)}`)
  }
}

function nameOf(text: string): VolumeName | null {
  try {
    return parseVolumeName(text)
  } catch (error) {
    if (!isSecretboxError(error, 'invalid')) throw error
    return null
  }
}
