import { quote, SecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import { shellOperand } from '../../base/shell-word.ts'
import type { May } from '../../vault/action/permit.ts'
import type { DescribedVolume } from './status.ts'

/** As many containers as a message names. */
const mostNamed = 10

/**
 * Throws `in_use` that names the containers, running or not, that have a volume of the box or hold a copy of it. One that
 * does not run cannot be started again without its box. Of all there are counts; only those are named that the caller may know of.
 */
export function refuseUsed(box: BoxName, volumes: readonly DescribedVolume[], may: May): void {
  const users = usersOf(box, volumes, may)
  if (users.length === 0) return
  const kind = users.length === 1 ? 'a container' : `${users.length} containers`
  const named = listed(users)
  throw new SecretboxError(
    'in_use',
    `cannot destroy box ${quote(box)}: it is in use by ${kind}${named === '' ? '' : `: ${named}`}`,
    { hint: 'remove what uses it first, or take --force; running containers then keep their copies' }
  )
}

/** As `refuseUsed`, for a box that is to lose its name: volumes that no container has keep it, too, for they know it by that. */
export function refuseKnownByName(box: BoxName, volumes: readonly DescribedVolume[], may: May): void {
  const idle = volumes.filter(({ options, containers }) => options.box === box && containers.length === 0)
  const users = [
    ...usersOf(box, volumes, may).map(user => user && `container ${user}`),
    ...idle.map(({ name }) => (may('volume.list', { volume: name, box }) ? `volume ${quote(name)}` : null))
  ]
  if (users.length === 0) return
  const named = listed(users)
  throw new SecretboxError(
    'in_use',
    `cannot rename box ${quote(box)}: it is in use${named === '' ? '' : ` by ${named}`}`,
    {
      hint: `remove these first, or copy the box to a new one: docker vault cp ${shellOperand(`${box}:`)} NEW:`
    }
  )
}

/** One text for each; null for one that the caller may not know of. */
function usersOf(box: BoxName, volumes: readonly DescribedVolume[], may: May): (string | null)[] {
  const users = new Map<string, string | null>()
  const note = (id: string, text: string, isKnown: boolean): void => {
    if (isKnown || !users.has(id)) users.set(id, isKnown ? text : null)
  }
  for (const { name, copies, containers, options } of volumes) {
    const isKnown = may('volume.list', { volume: name, box })
    for (const { box: copied, container, mount } of copies) {
      if (copied !== box) continue
      if (container === null) note(mount, 'one that is just starting', isKnown)
      else note(container.id, `${nameOf(container)} (running)`, isKnown)
    }
    if (options.box !== box) continue
    for (const container of containers)
      note(container.id, `${nameOf(container)} (${container.state})`, isKnown)
  }
  return [...users.values()]
}

/** Empty when there is none that can be named. */
function listed(users: readonly (string | null)[]): string {
  const named = users.filter(user => user !== null).slice(0, mostNamed)
  if (named.length === 0) return ''
  const more = users.length - named.length
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function nameOf({ id, name }: { id: string; name: string | null }): string {
  return name === null ? id.slice(0, 12) : quote(name)
}
