import type { CommandLine } from './command-line.ts'
import { lastValue, valuesOf } from './command-line.ts'
import { UsageError } from '../output/failure.ts'
import { ephemeralOption, newEphemeralName, type EphemeralBox } from './ephemeral.ts'
import { isOn } from './inject-options.ts'
import type { Injection } from './injection.ts'
import { boxMount, type Claim } from './mount-flags.ts'

/** Where a container has the copy with its socket that was given no other which could have one (docs/identity.md). */
const selfTarget = '/run/secretbox/self'

/** By what a container is given anything that it could ask for. */
const givingFlags = ['inject', 'inject-dir', 'env-box', 'secrets']

/** The boxes with the option `api` where `--api` is given and they can have it: a file has no room for a socket. */
export function withSockets(line: CommandLine, injections: readonly Injection[]): readonly Injection[] {
  if (!asksForItself(line)) return injections
  return injections.map(each =>
    isOn(each.options['file']) ? each : { ...each, options: { api: 'true', ...each.options } }
  )
}

/** Whether it takes a copy of its own. Throws `UsageError` for a container that is given nothing. */
export function takesSelfCopy(line: CommandLine, injections: readonly Injection[]): boolean {
  if (!asksForItself(line)) return false
  if (givingFlags.every(name => valuesOf(line, name).length === 0))
    throw new UsageError(
      'bad flag "--api": there is no box whose copy could have a socket',
      'add --inject BOX'
    )
  return !injections.some(({ options }) => isOn(options['api']))
}

export const claimOfSelf: Claim = {
  target: selfTarget,
  flag: '--api',
  shows: { kind: 'secret' },
  isDirectory: true
}

/** An empty box, for a copy that has a socket and nothing else. */
export function boxOfSelf(driver: string): EphemeralBox {
  const box = newEphemeralName()
  return {
    box,
    fill: () => Promise.resolve(),
    targets: [],
    mounts: options => boxMount(driver, box, selfTarget, { ...options, api: 'true', ...ephemeralOption })
  }
}

function asksForItself(line: CommandLine): boolean {
  return lastValue(line, 'api') === 'true'
}
