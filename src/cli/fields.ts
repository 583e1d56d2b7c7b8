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
