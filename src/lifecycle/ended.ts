import type { Engine } from '../engine/engine.ts'
import type { VolumeName } from '../base/names.ts'
import { isRunning } from './grace.ts'

/**
 * The Engine's word that no container uses a volume any more: none that mounts it runs. False when one does, when it
 * is not known which volume it is about, and when the Engine does not answer. Safe to ask from inside Mount.
 */
export async function hasEngineEnded(engine: Engine, volume: VolumeName | null): Promise<boolean> {
  if (volume === null) return false
  try {
    return !(await engine.containers(volume)).some(isRunning)
  } catch {
    return false
  }
}
