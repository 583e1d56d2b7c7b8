import type { Engine } from './engine.ts'
import { eventually } from '../eventually.ts'

/**
 * Does something until what the plugin mounts shows for the Engine, which takes a new start of the plugin when it does not
 * (Engine fact 12). Rejects as it does otherwise. `orSays`: what else is made of that refusal.
 */
export async function untilSeen(deed: () => Promise<unknown>, orSays?: string): Promise<void> {
  const unseen = ['the Engine does not see what is mounted', ...(orSays === undefined ? [] : [orSays])]
  let refusal: unknown
  const done = await eventually(async () => {
    try {
      await deed()
      return true
    } catch (error) {
      if (!unseen.some(words => String(error).includes(words))) throw error
      refusal = error
      return null
    }
  })
  if (done === null) throw refusal
}

/** Runs docker so. */
export function onceSeen(engine: Engine, args: readonly string[], orSays?: string): Promise<void> {
  return untilSeen(() => engine.docker(args), orSays)
}
