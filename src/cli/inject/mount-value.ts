import { splitAt } from '../input/split-at.ts'

/**
 * Writes the value of a `--mount` or `--secret` flag: one record of CSV (RFC 4180), as docker and BuildKit read it
 * with Go's encoding/csv.
 */
export function mountValue(fields: readonly string[]): string {
  return fields
    .map(field => (/[",\r\n]|^\s/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',')
}

/** Reads such a value; null when it is no record of CSV. */
export function mountFields(value: string): string[] | null {
  const fields: string[] = []
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y
  for (;;) {
    const match = field.exec(value)
    if (match === null) return null
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] === '') return fields
  }
}

/** What a `--mount` says, as far as it is read here. */
export interface GivenMount {
  /** `volume` when it is not said. */
  readonly type: string
  /** Empty when none is given. */
  readonly source: string
  readonly target: string | null
  readonly driver: string | null
  readonly options: Readonly<Record<string, string>>
  readonly isReadOnly: boolean
}

/** Reads the value of a `--mount` as docker does (docker/cli, opts/mount.go). One that docker will refuse says less. */
export function readMount(value: string): GivenMount {
  const pairs = (mountFields(value.trim()) ?? []).map(field => {
    const [name, text] = splitAt(field, field.indexOf('='))
    return [name.toLowerCase(), text] as const
  })
  const last = (...names: string[]) => pairs.findLast(([name]) => names.includes(name))?.[1]
  const readOnly = last('readonly', 'ro')
  return {
    type: last('type')?.toLowerCase() ?? 'volume',
    source: last('source', 'src') ?? '',
    target: last('target', 'dst', 'destination') ?? null,
    driver: last('volume-driver') ?? null,
    options: Object.fromEntries(
      pairs.filter(([name]) => name === 'volume-opt').map(([, text]) => splitAt(text, text.indexOf('=')))
    ),
    isReadOnly: readOnly !== undefined && !/^(0|f|false)$/i.test(readOnly)
  }
}

/** Whether the Engine would take it for the same driver: a plugin's name without a tag means the newest. */
export function isSameDriver(a: string, b: string): boolean {
  return a.replace(/:latest$/, '') === b.replace(/:latest$/, '')
}
