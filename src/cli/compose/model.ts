/*
 * The model of a project, as compose itself puts it together out of all files (`config`), which has seen to its form. Text in it
 * has `$$` for `$`.
 */

/** An object of the model. */
export type Mapping = Readonly<Record<string, unknown>>

export function mappingIn(value: unknown): Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Mapping) : {}
}

/** The members of an object that are objects, too. */
export function entriesIn(value: unknown): [string, Mapping][] {
  return Object.entries(mappingIn(value)).map(([name, fields]) => [name, mappingIn(fields)])
}

export function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

/** A text, or a number as text; null for all else. */
export function textIn(value: unknown): string | null {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? meantText(value) : null
}

/** A text of the model as it is meant. */
export function meantText(text: string): string {
  return text.replaceAll('$$', '$')
}

/** As compose has to find a text that it replaces variables in. */
export function dollars(text: string): string {
  return text.replaceAll('$', '$$$$')
}

/** The services of a model. */
export function serviceIn(model: Mapping, name: string): Mapping {
  return mappingIn(mappingIn(model['services'])[name])
}
