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
