import { quote, type ErrorCode } from '../base/errors.ts'
import { grantCommand } from '../base/messages.ts'
import type { BoxName, VolumeName } from '../base/names.ts'
import { referenceOf } from '../vault/access/containers.ts'
import { Denial } from '../vault/access/denial.ts'
import type { StartCandidate, UseDecision, WhyRefused } from '../vault/access/uses.ts'

/** Where somebody asked for a closed box. */
interface Asked {
  readonly box: BoxName
  readonly volume: VolumeName
}

/** What to look at when the Engine does not answer. */
export const engineAwayHint = 'is docker.source of the plugin the Engine’s socket? see "docker vault status"'

/** As many containers as a message names. */
const mostNamed = 5

/** The error that says why a box is not shown, and what would let it be. */
export function refusalOfUse(asked: Asked, { why, whom }: UseDecision & { readonly do: 'refuse' }): Denial {
  const { code, say } = reasons[why]
  const [message, hint] = say(asked, whom)
  const [one] = whom
  const isOne = one !== undefined && whom.length === 1
  const { name = null, image = null } = one ?? {}
  const told = {
    ...(one === undefined ? {} : { container: one.id }),
    ...(name === null ? {} : { containerName: name }),
    ...(image === null ? {} : { image })
  }
  const containers = why === 'ungranted' ? whom.map(({ id }) => id) : []
  return new Denial(code, message, { hint, details: isOne ? told : {}, containers })
}

interface Reason {
  readonly code: ErrorCode
  /** A message and a hint. */
  readonly say: (asked: Asked, whom: readonly StartCandidate[]) => readonly [string, string]
}

const reasons: Readonly<Record<WhyRefused, Reason>> = {
  ungranted: {
    code: 'denied',
    say: ({ box }, whom) => [`${listed(whom)} may not use box ${quote(box)}`, commandsFor(box, whom)]
  },
  unclear: {
    code: 'conflict',
    say: ({ box }, whom) => [
      `${listed(whom)} may not use box ${quote(box)}, and may be the one that starts`,
      'start one after the other'
    ]
  },
  nobody: {
    code: 'denied',
    say: ({ box, volume }) => [
      `box ${quote(box)} is for some containers alone, and none of volume ${quote(volume)} is starting`,
      'a container of an image that has files there is not known yet: take volume-nocopy of --mount, or "nocopy: true" of compose'
    ]
  },
  away: {
    code: 'unavailable',
    say: ({ box }) => [
      `box ${quote(box)} is for some containers alone, and the Engine does not say which one starts`,
      engineAwayHint
    ]
  }
}

function commandsFor(box: BoxName, whom: readonly StartCandidate[]): string {
  const [first] = whom
  if (first === undefined) return ''
  const reference = referenceOf(first)
  const digest = first.imageId ?? first.digests[0]
  const grant = (image: string): string => grantCommand(box, `image:${image}`, 'use')
  const ways = [
    reference === null ? 'it was made by an ID, or its tag is another image’s by now: make it anew' : null,
    digest === undefined ? null : `${grant(digest)} (that very image)`,
    reference === null ? null : `${grant(reference)} (whatever is called so)`
  ]
  return ways.filter(way => way !== null).join(', or ')
}

function listed(whom: readonly StartCandidate[]): string {
  const named = whom.slice(0, mostNamed).map(({ id, name, image }) => {
    const container = `container ${name === null ? id.slice(0, 12) : quote(name)}`
    return image === null ? container : `${container} (image ${quote(image)})`
  })
  const more = whom.length > mostNamed ? ` and ${whom.length - mostNamed} more` : ''
  return named.join(', ') + more
}
