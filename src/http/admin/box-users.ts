import { quote, SecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import type { DescribedVolume } from './status.ts'

/** As many containers as a message names. */
const mostNamed = 10

/**
 * Throws `in_use` that names the containers, running or not, that have a volume of the box or hold a copy of it. One that
 * does not run cannot be started again without its box.
 */
export function refuseUsed(box: BoxName, volumes: readonly DescribedVolume[]): void {
  const users = usersOf(box, volumes)
  if (users.length === 0) return
  const kind = users.length === 1 ? 'a container' : `${users.length} containers`
  throw new SecretboxError(
    'in_use',
    `cannot destroy box ${quote(box)}: it is in use by ${kind}: ${listed(users)}`,
    { hint: 'remove what uses it first, or take --force; running containers then keep their copies' }
  )
}

/** As `refuseUsed`, for a box that is to lose its name: volumes that no container has keep it, too, for they know it by that. */
export function refuseKnownByName(box: BoxName, volumes: readonly DescribedVolume[]): void {
  const idle = volumes.filter(({ options, containers }) => options.box === box && containers.length === 0)
  const users = [
    ...usersOf(box, volumes).map(user => `container ${user}`),
    ...idle.map(({ name }) => `volume ${quote(name)}`)
  ]
  if (users.length === 0) return
  throw new SecretboxError('in_use', `cannot rename box ${quote(box)}: it is in use by ${listed(users)}`, {
    hint: `remove these first, or copy the box to a new one: docker vault cp ${box}: NEW:`
  })
}

function usersOf(box: BoxName, volumes: readonly DescribedVolume[]): string[] {
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
  return [...users.values()]
}

function listed(users: readonly string[]): string {
  const more = users.length > mostNamed ? ` and ${users.length - mostNamed} more` : ''
  return users.slice(0, mostNamed).join(', ') + more
}

function nameOf({ id, name }: { id: string; name: string | null }): string {
  return name === null ? id.slice(0, 12) : quote(name)
}
