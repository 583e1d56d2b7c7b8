import type { Engine } from '../../src/engine/engine.ts'

/** An Engine that answers nothing, as when there is no socket. */
export function silentEngine(): Engine {
  const silent = (): Promise<never> => Promise.reject(new Error('nobody answers'))
  return {
    ...{ containers: silent, isLocked: silent, lastStart: silent, givenOptions: silent, start: silent },
    ...{ removeVolume: silent, follow: silent, describe: silent }
  }
}

/** An Engine with containers of these states, all of one volume; those whose name begins with `locked` are just starting. */
export function engineWith(states: Readonly<Record<string, string>>): Engine {
  const containers = Object.entries(states).map(([id, state]) => ({
    ...{ id, state, name: id, image: 'busybox' },
    volumes: ['db']
  }))
  return {
    ...silentEngine(),
    containers: () => Promise.resolve(containers),
    isLocked: id => Promise.resolve(id.startsWith('locked'))
  }
}
