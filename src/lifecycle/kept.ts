import type { CopyKey } from '../copies/copy-key.ts'
import type { Container } from '../engine/engine.ts'
import { quote } from '../base/errors.ts'
import type { VolumeName } from '../base/names.ts'
import { isRunning } from './engine-word.ts'
import type { CopyName } from './facts.ts'

/**
 * The copies that nobody is seen to hold, and that stay for want of evidence: not every mount table could be read, and the
 * Engine did not say that their containers have ended. Each is looked at again in the next pass.
 */
export interface Kept {
  /** A pass has judged all copies: these are kept so, and no others. */
  judged(copies: readonly CopyName[]): void
  add(copy: CopyName): void
  /** The copy is gone. */
  remove(key: CopyKey): void
  has(key: CopyKey): boolean
  all(): readonly CopyName[]
}

export function createKept(): Kept {
  let kept = new Map<CopyKey, CopyName>()
  return {
    judged(copies) {
      kept = new Map(copies.map(({ key, owner }) => [key, { key, owner }]))
    },
    add: ({ key, owner }) => void kept.set(key, { key, owner }),
    remove: key => void kept.delete(key),
    has: key => kept.has(key),
    all: () => [...kept.values()]
  }
}

/** How many copies of a volume are kept, for people: why, and what is to be done about it. */
export interface KeptCopies {
  /** Null where nothing tells whose they are. */
  readonly volume: VolumeName | null
  readonly copies: number
  readonly reason: string
  readonly hint: string
}

/** Tells of copies that are kept, by volume. `containers`: all that the Engine has; null when it does not answer. */
export function describeKept(
  kept: readonly CopyName[],
  containers: readonly Container[] | null
): KeptCopies[] {
  return [...Map.groupBy(kept, ({ owner }) => owner?.volume ?? null)].map(([volume, { length }]) => {
    const { reason, hint } = whyKept(volume, containers)
    return {
      volume,
      copies: length,
      reason: `no container is seen to hold ${length === 1 ? 'it' : 'them'}, but not every mount table can be read, and ${reason}`,
      hint
    }
  })
}

function whyKept(
  volume: VolumeName | null,
  containers: readonly Container[] | null
): { reason: string; hint: string } {
  if (volume === null)
    return {
      reason: 'nothing tells of which volume it was made',
      hint: 'when the plugin is disabled by force and enabled again, the kernel frees what no container holds'
    }
  if (containers === null)
    return {
      reason: 'the Engine does not answer',
      hint: `what is kept of ${quote(volume)} is wiped once the Engine says that none of its containers runs; is docker.source of the plugin the Engine’s socket?`
    }
  const running = containers.filter(one => isRunning(one) && one.volumes.includes(volume))
  if (running.length === 0)
    return { reason: 'it was not looked at again yet', hint: 'it is within a few seconds' }
  const names = running.map(({ id, name }) => name ?? id.slice(0, 12))
  return {
    reason: `of its volume ${names.map(quote).join(', ')} ${running.length === 1 ? 'runs' : 'run'}`,
    hint: `what is kept of ${quote(volume)} is wiped once none of its containers runs: docker stop ${names.join(' ')}`
  }
}
