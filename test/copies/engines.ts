import type { Container, Engine } from '../../src/engine/engine.ts'

/** A container of the volume `db` that does not run; `changes` make it another. */
export function idleContainer(changes: Partial<Container> = {}): Container {
  const imageId = `sha256:${'b'.repeat(64)}`
  const image = { image: 'busybox', imageId, digests: [imageId] }
  return {
    id: 'c'.repeat(64),
    name: null,
    ...image,
    platform: null,
    labels: {},
    state: 'exited',
    volumes: ['db'],
    ...changes
  }
}

/** An Engine that answers nothing, as when there is no socket. */
export function silentEngine(): Engine {
  const silent = (): Promise<never> => Promise.reject(new Error('nobody answers'))
  return {
    ...{ containers: silent, isLocked: silent, lastStart: silent, givenOptions: silent, start: silent },
    ...{ kill: silent, image: silent, removeVolume: silent, follow: silent, describe: silent }
  }
}

/** An Engine with containers of these states, all of one volume; those whose name begins with `locked` are just starting. */
export function engineWith(states: Readonly<Record<string, string>>): Engine {
  const containers = Object.entries(states).map(([id, state]) => idleContainer({ id, state, name: id }))
  return {
    ...silentEngine(),
    containers: () => Promise.resolve(containers),
    isLocked: id => Promise.resolve(id.startsWith('locked'))
  }
}
