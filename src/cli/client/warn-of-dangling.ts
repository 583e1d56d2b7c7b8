import { quote } from '../../base/errors.ts'
import type { Change } from '../../api/changes.ts'
import type { Speaker } from '../output/streams.ts'

const mostNames = 20

/** Names on stderr the symlinks of a change that show no file of the box in a container; `hint` says what else to do. */
export function warnOfDangling(cli: Speaker, { dangling = [] }: Change, hint: string | null): void {
  for (const { path, target, leads } of dangling.slice(0, mostNames)) {
    const where = leads === 'nowhere' ? 'leads nowhere in the box' : 'leads out of the box'
    cli.note(`warning: ${quote(path)} is a symlink to ${quote(target)}, which ${where}`)
  }
  if (dangling.length > mostNames) cli.note(`warning: and ${dangling.length - mostNames} more such symlinks`)
  if (dangling.length > 0 && hint !== null) cli.note(`hint: ${hint}`)
}
