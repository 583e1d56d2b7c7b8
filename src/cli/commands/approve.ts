import type { Command } from 'commander'
import { quote, SecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import { shellOperand } from '../../base/shell-word.ts'
import { patternOfBox } from '../../vault/access/box-pattern.ts'
import { imageName } from '../../vault/access/image-reference.ts'
import { isPerson, parseSubject } from '../../vault/access/subjects.ts'
import { findDigests, imageNames } from '../client/images.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxOperand, imageOperand } from '../declare/operand.ts'

/** `approve BOX IMAGE`: lets containers of the very image that the Engine has by that name use a box, and those of no other. */
export function approve(cli: Cli): Command {
  return command(
    cli,
    'approve',
    'Let containers use a box whose image is the very one that the Engine has now: the grants name its ID, and what the ' +
      'registry calls it. Should the tag be moved to another image, that one is not meant. As any first grant to containers, ' +
      'this closes a box that was open to all.',
    ['$ approve db postgres:17']
  )
    .summary('Let containers of one very image use a box')
    .addArgument(boxOperand('name of the box'))
    .addArgument(imageOperand(() => imageNames(cli)))
    .action(async (box: BoxName, image: string) => {
      const pins = await pinsOf(cli, image)
      const { because } = await cli.api.can('container:*', 'use', box, [])
      for (const subject of pins) {
        const wish = { subject, boxes: patternOfBox(box).text, rights: ['use' as const] }
        await cli.api.grant({ ...wish, note: `from ${image}` })
        cli.print(subject)
      }
      if (pins.length === 1)
        cli.note(`no registry has given ${quote(image)} a digest: it is known by its ID, on this host alone`)
      if (because === 'open')
        cli.note(
          `box ${quote(box)} is closed from now on: a container without a grant does not get it any more`
        )
      const others = await othersWith(cli, box, pins)
      if (others.length > 0) cli.note(`box ${quote(box)} is also granted to ${others.join(', ')}`)
    })
}

/**
 * The subjects that are an image and no other: first its ID, then what it is called in the repository by whose name it was
 * asked for, or in any if it comes from none of that name. Throws `not_found`.
 */
async function pinsOf(cli: Cli, image: string): Promise<string[]> {
  const found = await findDigests(cli, image)
  if (found === null)
    throw new SecretboxError('not_found', `the Engine has no image ${quote(image)}`, {
      hint: `docker pull ${shellOperand(image)}`
    })
  const { id, repoDigests } = found
  const { repository } = imageName(image)
  const own = repoDigests.filter(each => imageName(each).repository === repository)
  return [id, ...(own.length > 0 ? own : repoDigests)].map(each => `image:${each}`)
}

/** The other containers that the box is granted to, as subjects. */
async function othersWith(cli: Cli, box: BoxName, pins: readonly string[]): Promise<string[]> {
  const { grants } = await cli.api.grants(box)
  const now = Date.now()
  const others = grants.filter(
    ({ subject, expires }) =>
      (expires === null || now < Date.parse(expires)) &&
      !isPerson(parseSubject(subject)) &&
      !pins.includes(subject)
  )
  return [...new Set(others.map(({ subject }) => subject))]
}
