import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engine.ts'

/** A program of this directory, `NAME.c`, below an Engine's root or another place: static, for it runs in containers. Compiled when it is first asked for. */
export function compiled({ root }: Pick<Engine, 'root'>, name: 'attacker' | 'talk' | 'watch'): string {
  const program = join(root, name)
  if (!existsSync(program)) {
    const source = new URL(`${name}.c`, import.meta.url).pathname
    execFileSync('cc', ['-static', '-O1', '-o', program, source], { stdio: 'inherit' })
  }
  return program
}
