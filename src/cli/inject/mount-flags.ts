import { quote } from '../../base/errors.ts'
import { parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import { UsageError } from '../output/failure.ts'
import type { CommandLine, Flag } from './command-line.ts'
import { isOn } from './inject-options.ts'
import { normalTarget, type Injection } from './injection.ts'
import { isSameDriver, mountValue, readMount, type GivenMount } from './mount-value.ts'

/** What can be seen at a place that cannot be written: a box, a directory of the host, a volume that may show a box, or a secret. */
export type Shown =
  /** Something can be mounted over it, and nothing in it. */
  | { readonly kind: 'secret' }
  | {
      readonly kind: 'box'
      readonly box: BoxName
      /** Null: the newest. */
      readonly version: number | null
      readonly path: FilePath
    }
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'volume'
      readonly name: string
      /** What it shows if it does not exist, and is made; null when nobody knows. */
      readonly made: Shown | null
    }

/** A place in a container, and the flag that claims it. */
export interface Claim {
  readonly target: string
  readonly flag: string
  /** Null where mount points can be made, or where nobody knows. */
  readonly shows: Shown | null
  /** What is mounted there is a directory for sure. */
  readonly isDirectory: boolean
}

/** The flag that mounts a box as an anonymous volume, which goes with the last container that has it (option `transient`). */
export function boxMount(
  driver: string,
  box: BoxName,
  target: string,
  options: Readonly<Record<string, string>> = {}
): string[] {
  const fields = [
    'type=volume',
    `volume-driver=${driver}`,
    ...Object.entries({ box, ...options, transient: 'true' }).map(
      ([name, value]) => `volume-opt=${name}=${value}`
    ),
    `target=${target}`
  ]
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

/**
 * What the volume and mount flags of a command line claim. One that docker itself will refuse claims nothing.
 * `driver` is our own, by the name that the Engine has for it.
 */
export function claimsOf(line: CommandLine, driver: string): Claim[] {
  return line.flags.flatMap(flag => {
    const claimed = claimOf(flag, driver)
    if (claimed === null) return []
    return [{ ...claimed, target: normalTarget(claimed.target), flag: flag.words.join(' ') }]
  })
}

function claimOf({ name, value }: Flag, driver: string): Omit<Claim, 'flag'> | null {
  switch (name) {
    case 'volume':
      return volumeClaim(value)
    case 'tmpfs':
      // Also a read-only one: the runtime makes it so when all mounts are done.
      return { target: value.split(':')[0] ?? '', shows: null, isDirectory: true }
    case 'mount':
      return mountClaim(readMount(value), driver)
    default:
      return null
  }
}

/** `target` alone, or `source:target[:options]` (moby, volume/mounts/linux_parser.go). */
function volumeClaim(value: string): Omit<Claim, 'flag'> {
  const [source = '', target, options = ''] = value.split(':')
  if (target === undefined) return { target: source, shows: null, isDirectory: true }
  const isPath = /^[./~]/.test(source)
  return { target, shows: shownBy(isPath, source, options.split(',').includes('ro')), isDirectory: !isPath }
}

function mountClaim(mount: GivenMount, driver: string): Omit<Claim, 'flag'> | null {
  const { type, source, target } = mount
  if (target === null) return null
  if (type === 'tmpfs') return { target, shows: null, isDirectory: true }
  if (type === 'volume' && mount.driver !== null && isSameDriver(mount.driver, driver)) {
    const made = shownByOptions(new Map(Object.entries(mount.options)), source)
    // The options count only for a volume that docker has to make.
    const shows: Shown | null = source === '' ? made : { kind: 'volume', name: source, made }
    return { target, shows, isDirectory: !isOn(mount.options['file']) }
  }
  return { target, shows: shownBy(type === 'bind', source, mount.isReadOnly), isDirectory: type !== 'bind' }
}

/** What an `--inject` claims. */
export function claimOfBox({ box, target, options, flag }: Injection): Claim {
  const shows = shownByOptions(new Map(Object.entries(options)), box)
  return { target, flag, shows, isDirectory: !isOn(options['file']) }
}

/** Of options that the driver will refuse nobody needs to know what they show. */
function shownByOptions(options: ReadonlyMap<string, string>, volume: string): Shown | null {
  const box = options.get('box') ?? volume
  if (box === '' || isOn(options.get('rw'))) return null
  const version = Number(options.get('version') ?? NaN)
  return {
    kind: 'box',
    box: box as BoxName,
    version: Number.isInteger(version) ? version : null,
    path: parseFilePath(options.get('path') ?? '')
  }
}

function shownBy(isBind: boolean, source: string, isReadOnly: boolean): Shown | null {
  if (isBind) return isReadOnly ? { kind: 'directory', path: source } : null
  return source === '' ? null : { kind: 'volume', name: source, made: null }
}

/**
 * What is mounted without a flag where no flag claims the place: the image's volumes, and the files that the Engine has
 * in every container.
 */
export function silentClaims(volumes: readonly string[], claims: readonly Claim[]): Claim[] {
  const ofImage = volumes.map(volume => [normalTarget(volume), `VOLUME ${volume}`, true] as const)
  const ofEngine = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf'].map(
    path => [path, `the Engine's ${path}`, false] as const
  )
  return [...ofImage, ...ofEngine]
    .filter(([target]) => !claims.some(claim => claim.target === target))
    .map(([target, flag, isDirectory]) => ({ target, flag, shows: null, isDirectory }))
}

/** What to do about two things at one place, or one in the other. */
export const anotherPlaceHint = 'give one of them another place, as in --inject box:alias'

/** Throws `UsageError` that names both flags when two claim the same place. */
export function refuseSharedTargets(claims: readonly Pick<Claim, 'target' | 'flag'>[]): void {
  const claimed = new Map<string, string>()
  for (const { target, flag } of claims) {
    const other = claimed.get(target)
    if (other !== undefined) {
      throw new UsageError(
        `cannot mount two things at ${quote(target)}: ${quote(other)} and ${quote(flag)}`,
        anotherPlaceHint
      )
    }
    claimed.set(target, flag)
  }
}
