import type { Container, Engine } from '../engine/engine.ts'
import type { VolumeName } from '../base/names.ts'

/** What the Engine says of the containers of a volume. Of one of these no question is asked twice. */
export interface EngineWord {
  /**
   * Whether a container of the volume is just starting; null when the Engine does not answer. Of all containers when it is
   * not known which volume it is about. Never to be asked from inside Mount.
   */
  isStarting(volume: VolumeName | null): Promise<boolean | null>
  /**
   * The Engine's word that no container uses the volume any more: none that mounts it runs. False when one does, when it
   * is not known which volume it is about, and when the Engine does not answer. Safe to ask from inside Mount.
   */
  hasEnded(volume: VolumeName | null): Promise<boolean>
}

/** How long the Engine may take to say that a container is not just starting. */
const lockProbeMs = 1000

/**
 * Between the answer to Mount and the container's own mounts nobody holds a copy. The Engine keeps the container locked
 * meanwhile, and can be asked about that.
 */
export function wordOfEngine(engine: Engine): EngineWord {
  const isStarting = async (volume: VolumeName | null): Promise<boolean | null> => {
    try {
      const idle = (await engine.containers(volume ?? undefined)).filter(container => !isRunning(container))
      return (await Promise.all(idle.map(({ id }) => engine.isLocked(id, lockProbeMs)))).includes(true)
    } catch {
      return null
    }
  }

  const hasEnded = async (volume: VolumeName | null): Promise<boolean> => {
    if (volume === null) return false
    try {
      return !(await engine.containers(volume)).some(isRunning)
    } catch {
      return false
    }
  }

  return { isStarting: once(isStarting), hasEnded: once(hasEnded) }
}

/** True for a container that has its mounts. */
export function isRunning({ state }: Container): boolean {
  return state === 'running' || state === 'paused'
}

function once<Q, A>(ask: (question: Q) => Promise<A>): (question: Q) => Promise<A> {
  const answers = new Map<Q, Promise<A>>()
  return question => {
    const answer = answers.get(question) ?? ask(question)
    answers.set(question, answer)
    return answer
  }
}
