import { isAnonymousVolume } from '../../base/names.ts'
import type { Field } from './format.ts'
import { humanAge, humanSize } from './human.ts'

/** A number of bytes; empty for what has no size. */
export const sizeField: Field = {
  heading: 'SIZE',
  show: (bytes?: number) => (bytes === undefined ? '' : humanSize(bytes))
}

/** An RFC 3339 time, which tables show as how long ago it was. */
export function ageField(heading: string): Field {
  return { heading, show: (time?: string) => (time === undefined ? '' : humanAge(time, Date.now())) }
}

/** How much of an ID docker shows. */
export const shortIdLength = 12

/** The name of a volume; tables show of an anonymous one, which is an ID, as much as of an ID. */
export function volumeField(short: boolean): Field {
  return {
    heading: 'VOLUME',
    show: (name: string) => (short && isAnonymousVolume(name) ? name.slice(0, shortIdLength) : name)
  }
}

/** The Engine's ID of something, which tables show in short unless they are told not to; `-` where there is none. */
export function idField(heading: string, short: boolean): Field {
  return { heading, show: (id: string | null) => (short ? id?.slice(0, shortIdLength) : id) ?? '-' }
}
