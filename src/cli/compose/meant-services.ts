import { entriesIn, listIn, mappingIn, serviceIn, textIn, type Mapping } from './model.ts'

/**
 * The services that a command of compose is about: those that its words name, with all that they depend on; where none is named,
 * those that are in a profile that is on, or in none. `words` follow the command.
 */
export function meantServices(
  model: Mapping,
  words: readonly string[],
  profiles: readonly string[]
): ReadonlySet<string> {
  const all = entriesIn(model['services'])
  const named = all.filter(([name]) => words.includes(name))
  const isOn = (fields: Mapping): boolean => {
    const own = listIn(fields['profiles'])
    return own.length === 0 || profiles.includes('*') || own.some(each => profiles.includes(String(each)))
  }
  const meant = new Set<string>()
  const add = (name: string): void => {
    if (meant.has(name)) return
    meant.add(name)
    for (const other of neededBy(serviceIn(model, name))) if (all.some(([each]) => each === other)) add(other)
  }
  for (const [name] of named.length > 0 ? named : all.filter(([, fields]) => isOn(fields))) add(name)
  return meant
}

function neededBy(fields: Mapping): string[] {
  const depends = fields['depends_on']
  const names = Array.isArray(depends) ? depends.map(String) : Object.keys(mappingIn(depends))
  const before = (value: unknown): string => String(value).split(':')[0] ?? ''
  const shared = ['network_mode', 'ipc', 'pid'].flatMap(key => {
    const [kind, name] = (textIn(fields[key]) ?? '').split(':')
    return kind === 'service' && name !== undefined ? [name] : []
  })
  return [...names, ...['links', 'volumes_from'].flatMap(key => listIn(fields[key]).map(before)), ...shared]
}
