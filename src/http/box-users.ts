import { quote, SecretboxError } from '../errors.ts'
import type { BoxName } from '../vault/names.ts'
import type { DescribedVolume } from './status.ts'

/** As many containers as a message names. */
const mostNamed = 10

/**
 * Throws `in_use` that names the containers, running or not, that have a volume of the box or hold a copy of it. One that
 * does not run cannot be started again without its box.
 */
export function refuseUsed(box: BoxName, volumes: readonly DescribedVolume[]): void {
  const users = new Map<string, string>()
  for (const { copies, containers, options } of volumes) {
    for (const { box: copied, container, mount } of copies) {
      if (copied !== box) continue
      if (container === null) users.set(mount, 'one that is just starting')
      else users.set(container.id, `${nameOf(container)} (running)`)
    }
    if (options.box !== box) continue
    for (const container of containers) users.set(container.id, `${nameOf(container)} (${container.state})`)
  }
  if (users.size === 0) return
  const named = [...users.values()].slice(0, mostNamed)
  const more = users.size > named.length ? ` and ${users.size - named.length} more` : ''
  const kind = users.size === 1 ? 'a container' : `${users.size} containers`
  throw new SecretboxError(
    'in_use',
    `cannot destroy box ${quote(box)}: it is in use by ${kind}: ${named.join(', ')}${more}`,
    { hint: 'remove what uses it first, or take --force; running containers then keep their copies' }
  )
}

function nameOf({ id, name }: { id: string; name: string | null }): string {
  return name === null ? id.slice(0, 12) : quote(name)
}
