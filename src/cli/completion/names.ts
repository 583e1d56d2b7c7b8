import { parseBoxName } from '../../base/names.ts'
import type { Api } from '../client/api.ts'
import { counted } from '../output/human.ts'

/** What shells are told beside the candidates, in cobra's numbers, which docker's own completion understands. */
export const directives = { files: 0, error: 1, noSpace: 2, noFiles: 4, inOrder: 32 } as const

/** What could stand where the cursor is. */
export interface Completion {
  readonly candidates: readonly Candidate[]
  readonly directive: number
}

/** A word, and what it means. */
export interface Candidate {
  readonly value: string
  readonly meaning: string
}

/** Where the cursor is: in which word, `current`, after which other operands. */
export interface Asking {
  readonly api: Api
  readonly before: readonly string[]
  readonly current: string
}

/** Finds what could stand there; candidates that do not begin with `current` do no harm. */
export type Complete = (asking: Asking) => Completion | Promise<Completion>

export function words(candidates: readonly Candidate[]): Completion {
  return { candidates, directive: directives.noFiles }
}

export const nothing: Complete = () => words([])

/** The operator's files, which the shell knows. */
export const files: Complete = () => ({ candidates: [], directive: directives.files })

/** `db`. */
export const boxes: Complete = ({ api }) => boxesEnding(api, '')

/** `db:password`; a box comes with its colon. */
export const addresses: Complete = ({ api, current }) => {
  const colon = current.indexOf(':')
  if (colon === -1) return boxesEnding(api, ':')
  return paths(api, current.slice(0, colon), current.slice(colon + 1), current.slice(0, colon + 1))
}

/** `db`, and `db:password` once there is a colon. */
export const boxesOrAddresses: Complete = asking =>
  asking.current.includes(':') ? addresses(asking) : boxes(asking)

export const addressesOrFiles: Complete = async asking => {
  const { candidates, directive } = await addresses(asking)
  return { candidates, directive: directive & ~directives.noFiles }
}

/** `password`, in the box that the first operand names; where that names a file, there is no more to be said. */
export const pathsOfBox: Complete = ({ api, before: [box = ''], current }) =>
  box.includes(':') ? words([]) : paths(api, box, current, '')

/** As `pathsOfBox`, but where the first operand names a file, others are named likewise. */
export const pathsOrAddresses: Complete = asking =>
  asking.before[0]?.includes(':') === true ? addresses(asking) : pathsOfBox(asking)

/** The versions of the box that the first operand names, newest first. */
export const versionsOfBox: Complete = async ({ api, before: [address = ''] }) => {
  const [box = ''] = address.split(':')
  const kept = await api.versions(parseBoxName(box))
  return {
    candidates: kept
      .toReversed()
      .map(({ version, created }) => ({ value: String(version), meaning: created })),
    // By themselves shells sort words: 1, 10, 2.
    directive: directives.noFiles | directives.inOrder
  }
}

/** `postgres`. */
export const typesOfBoxes: Complete = async ({ api }) =>
  words((await api.types()).types.map(({ name, title }) => ({ value: name, meaning: title })))

/** `password`, of the box that the first operand names. */
export const fieldsOfBox: Complete = async ({ api, before: [box = ''] }) => {
  const { fields = [] } = await api.box(parseBoxName(box))
  return words(fields.map(({ name, meaning }) => ({ value: name, meaning })))
}

/** `user:` and its like, with what follows left to the user. */
export const subjects: Complete = () => ({
  candidates: ['user:', 'group:', 'image:', 'compose:', 'label:', 'container:'].map(value => ({
    value,
    meaning: ''
  })),
  directive: directives.noFiles | directives.noSpace
})

async function boxesEnding(api: Api, ending: '' | ':'): Promise<Completion> {
  const all = await api.boxes()
  const { candidates, directive } = words(
    all.map(({ name, files }) => ({ value: name + ending, meaning: counted(files, 'entry', 'entries') }))
  )
  return { candidates, directive: directive | (ending === '' ? 0 : directives.noSpace) }
}

/** One level of a box's tree at a time, as shells do it with files: a directory is completed up to its `/`. */
async function paths(api: Api, box: string, current: string, prefix: string): Promise<Completion> {
  const { files } = await api.box(parseBoxName(box))
  const directory = current.slice(0, current.lastIndexOf('/') + 1)
  const here = files.filter(
    ({ path }) => path.startsWith(directory) && !path.slice(directory.length).includes('/')
  )
  const candidates = here.map(({ path, type }) => {
    return { value: prefix + path + (type === 'directory' ? '/' : ''), meaning: type }
  })
  const left = candidates.filter(({ value }) => value.startsWith(prefix + current))
  const open = left.length === 1 && left[0]?.value.endsWith('/') === true
  return { candidates, directive: directives.noFiles | (open ? directives.noSpace : 0) }
}
