import type { Engine } from './engine.ts'
import { eventually } from '../eventually.ts'

/**
 * Runs docker until what the plugin mounts shows for the Engine, which takes a new start of the plugin when it does not
 * (Engine fact 12). Rejects with what docker says otherwise. `orSays`: what docker makes of that refusal.
 */
export async function onceSeen(engine: Engine, args: readonly string[], orSays?: string): Promise<void> {
  const unseen = ['the Engine does not see what is mounted', ...(orSays === undefined ? [] : [orSays])]
  let said = ''
  const done = await eventually(async () => {
    const { code, stderr } = await engine.tryDocker(args)
    said = stderr
    return code === 0 || !unseen.some(words => stderr.includes(words)) ? code : null
  })
  if (done !== 0) throw new Error(`docker ${args.join(' ')}: ${said}`)
}
