import { quote } from '../../errors.ts'
import type { BoxName } from '../../vault/names.ts'
import { UsageError } from '../failure.ts'
import type { CommandLine, Flag } from './command-line.ts'
import { normalTarget } from './injection.ts'
import { mountFields, mountValue } from './mount-value.ts'

/** A place in a container, and the flag that claims it. */
export interface Claim {
  readonly target: string
  readonly flag: string
}

/** The flag that mounts a box as an anonymous volume, which is gone with a container that is removed with its volumes. */
export function boxMount(
  driver: string,
  box: BoxName,
  target: string,
  options: Readonly<Record<string, string>> = {}
): string[] {
  const driverOptions = Object.entries({ box, ...options }).map(
    ([name, value]) => `volume-opt=${name}=${value}`
  )
  const fields = ['type=volume', `volume-driver=${driver}`, ...driverOptions, `target=${target}`]
  // `readonly` the Engine refuses for anonymous volumes; the copy is read-only by itself.
  return ['--mount', mountValue([...fields, 'volume-nocopy'])]
}

/** The flag that mounts a directory with nothing in it, where nothing can be written either. */
export function emptyMount(target: string): string[] {
  return [
    '--mount',
    mountValue(['type=tmpfs', `target=${target}`, 'tmpfs-mode=0555', 'tmpfs-size=4096', 'readonly'])
  ]
}

/** What the volume and mount flags of a command line claim. One that docker itself will refuse claims nothing. */
export function claimsOf(line: CommandLine): Claim[] {
  return line.flags.flatMap(flag => {
    const target = targetOf(flag)
    return target === null ? [] : [{ target: normalTarget(target), flag: flag.words.join(' ') }]
  })
}

function targetOf({ name, value }: Flag): string | null {
  switch (name) {
    case 'volume': {
      // `target` alone, or `source:target[:options]` (moby, volume/mounts/linux_parser.go).
      const [first = '', second] = value.split(':')
      return second ?? first
    }
    case 'tmpfs':
      return value.split(':')[0] ?? null
    case 'mount': {
      const field = mountFields(value.trim())?.findLast(text => /^(target|dst|destination)=/i.test(text))
      return field === undefined ? null : field.slice(field.indexOf('=') + 1)
    }
    default:
      return null
  }
}

/** Throws `UsageError` that names both flags when two claim the same place. */
export function refuseSharedTargets(claims: readonly Claim[]): void {
  const claimed = new Map<string, string>()
  for (const { target, flag } of claims) {
    const other = claimed.get(target)
    if (other !== undefined) {
      throw new UsageError(
        `cannot mount two things at ${quote(target)}: ${quote(other)} and ${quote(flag)}`,
        'give one of them another place, as in --inject box:alias'
      )
    }
    claimed.set(target, flag)
  }
}
