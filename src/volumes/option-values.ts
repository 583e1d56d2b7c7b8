import { maxId } from '../base/user-ids.ts'

/** How the value of one option is read. */
export interface ValueKind<T> {
  /** What a value must be. */
  readonly rule: string
  /** Null: the text is no such value. */
  read(text: string): T | null
  /** What to write instead of a text that is none, where that can be told. `name`: the option's. */
  advise(name: string, text: string): string | null
}

const maxMode = 0o7777

// Not the empty one, though `-o rw` gives it: an unset variable gives it, too, and must make nothing writable.
const flagWords: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false]
])

export const flag: ValueKind<boolean> = {
  rule: '"true" or "false"',
  read: text => flagWords.get(text) ?? null,
  advise(name, text) {
    const isTrue = /^(true|yes|on|y)$/i.test(text)
    if (!isTrue && !/^(false|no|off|n)$/i.test(text)) return null
    return `write ${name}=${isTrue}, in YAML ${name}: "${isTrue}" with the quotes`
  }
}

export const userId = wholeNumber(`a user id from 0 to ${maxId}`, 0, maxId)
export const groupId = wholeNumber(`a group id from 0 to ${maxId}`, 0, maxId)

const versions = wholeNumber('a version number from 1 on', 1, Number.MAX_SAFE_INTEGER)
export const versionNumber: ValueKind<number> = {
  ...versions,
  advise: (name, text) =>
    /^(newest|latest)$/i.test(text) ? `leave ${name} out for the newest` : versions.advise(name, text)
}

/**
 * Permission bits. They need the zero or `0o` in front: of an unquoted 0400 YAML makes the number 256, which would be
 * octal, too.
 */
export const permissionBits: ValueKind<number> = {
  rule: 'permission bits in octal, 0000 to 7777, with a leading 0',
  read(text) {
    const digits = /^0o?([0-7]{1,4})$/.exec(text)?.[1] ?? (text === '0' ? text : null)
    return digits === null ? null : Number.parseInt(digits, 8)
  },
  advise(name, text) {
    const advice: string[] = []
    if (/^[1-7][0-7]{0,3}$/.test(text))
      advice.push(`write ${name}=${text.padStart(text.length < 4 ? 4 : 5, '0')}`)
    if (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= maxMode) {
      const meant = Number(text).toString(8).padStart(4, '0')
      advice.push(`${name}: "${meant}" with the quotes if YAML made ${text} of ${meant}`)
    }
    return advice.join(', or ') || `as in ${name}=0400, in YAML ${name}: "0400" with the quotes`
  }
}

const units: Readonly<Record<string, number>> = { '': 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 }

export const byteCount: ValueKind<number> = {
  rule: 'bytes, or a number with k, m or g',
  read: bytesIn,
  advise(name, text) {
    const [, number = '', unit = ''] = /^(\d+) ?([kmg])i?b?$/i.exec(text) ?? []
    if (unit === '') return adviseNumber(name, text, bytesIn)
    const better = `${number}${unit.toLowerCase()}`
    return bytesIn(better) === null
      ? null
      : `write ${name}=${better}, which is ${number} ${unit.toUpperCase()}iB`
  }
}

function bytesIn(text: string): number | null {
  const [, number, unit = ''] = /^([1-9]\d{0,14})([kmg]?)$/i.exec(text) ?? []
  const bytes = Number(number) * (units[unit.toLowerCase()] ?? 1)
  return Number.isSafeInteger(bytes) ? bytes : null
}

function wholeNumber(rule: string, least: number, most: number): ValueKind<number> {
  const read = (text: string): number | null => {
    // A leading zero would be octal to YAML 1.1 and to shells, and is decimal to others.
    if (!/^(0|[1-9]\d{0,15})$/.test(text)) return null
    const value = Number(text)
    return value >= least && value <= most ? value : null
  }
  return { rule, read, advise: (name, text) => adviseNumber(name, text, read) }
}

/** For a number in a form that YAML, a shell or another program has for it: `01000`, `1.0`, `1e+06`, `0x10`, `1_000`. */
function adviseNumber(name: string, text: string, read: (text: string) => number | null): string | null {
  const plain = text.replaceAll('_', '')
  const isDecimal = /^\d+$/.test(plain)
  const better = isDecimal
    ? plain.replace(/^0+(?=.)/, '')
    : /^(\d+(\.\d*)?(e\+?\d+)?|0x[\da-f]+|0o[0-7]+)$/i.test(plain)
      ? String(Number(plain))
      : ''
  if (better === text || read(better) === null) return null
  return isDecimal && plain === text
    ? `write ${name}=${better}: with a leading zero it is octal to some and decimal to others`
    : `write ${name}=${better}, in YAML ${name}: "${better}" with the quotes`
}
