import type { Command } from 'commander'
import type { Taking } from '../files/operator-files.ts'

/** What -H and -L were given. */
export interface FollowOptions {
  readonly H?: boolean
  readonly dereference?: boolean
}

/** Gives a command the options of cp(1) about symlinks. */
export function withFollowOptions(command: Command): Command {
  return command
    .option('-H', 'follow symlinks that are named themselves')
    .option('-L, --dereference', 'follow all symlinks: what they lead to is stored in their place')
}

/** Which symlinks are to be followed. */
export function followOf({ H = false, dereference = false }: FollowOptions): Taking['follow'] {
  return dereference ? 'always' : H ? 'operands' : 'never'
}
