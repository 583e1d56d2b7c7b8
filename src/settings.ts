import { quote, SecretboxError } from './base/errors.ts'

/** What the operator may set of what the daemon allows and does, with `docker plugin set` or in its environment. */
export interface Settings {
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly maxBoxBytes: number
  readonly maxBoxEntries: number
  readonly maxVersions: number
  readonly maxAuditEntries: number
  readonly startFailed: boolean
  readonly graceSeconds: number
}

/** How a setting is read. */
interface Kind<T> {
  /** What it is when nothing is set. */
  readonly usual: string
  /** What it must be, of a text that it cannot be; null of any other. */
  readonly refuse: (text: string) => string | null
  readonly value: (text: string) => T
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

const kinds = {
  LOG_LEVEL: oneOf(logLevels, 'info'),
  MAX_BOX_BYTES: count(1, 128 << 20),
  MAX_BOX_ENTRIES: count(1, 20_000),
  MAX_VERSIONS: count(1, 100),
  MAX_AUDIT_ENTRIES: count(1, 1_000_000),
  START_FAILED: oneOf(['true', 'false'], 'true'),
  GRACE_SECONDS: count(0, 45)
} as const

/** A setting that is not what it must be. */
export interface BadSetting {
  readonly name: string
  /** Its name and value, and what it must be. */
  readonly message: string
  readonly usual: string
}

/** The settings that keep the daemon from its start. `environment`: all settings by their names; others are not looked at. */
export function badSettings(environment: Readonly<Record<string, string | undefined>>): BadSetting[] {
  return Object.entries(kinds).flatMap(([name, { usual, refuse }]) => {
    const text = textOf(environment, name) ?? usual
    const rule = refuse(text)
    return rule === null ? [] : [{ name, message: `bad setting ${name}=${quote(text)}: ${rule}`, usual }]
  })
}

/** Reads the settings. Throws `invalid` that names the first bad one, its value and what it must be. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const [bad] = badSettings(environment)
  if (bad !== undefined)
    throw new SecretboxError('invalid', bad.message, { hint: `without it, it is ${bad.usual}` })
  const read = <T>(name: keyof typeof kinds, { usual, value }: Kind<T>): T =>
    value(textOf(environment, name) ?? usual)
  return {
    logLevel: read('LOG_LEVEL', kinds.LOG_LEVEL),
    maxBoxBytes: read('MAX_BOX_BYTES', kinds.MAX_BOX_BYTES),
    maxBoxEntries: read('MAX_BOX_ENTRIES', kinds.MAX_BOX_ENTRIES),
    maxVersions: read('MAX_VERSIONS', kinds.MAX_VERSIONS),
    maxAuditEntries: read('MAX_AUDIT_ENTRIES', kinds.MAX_AUDIT_ENTRIES),
    startFailed: read('START_FAILED', kinds.START_FAILED) === 'true',
    graceSeconds: read('GRACE_SECONDS', kinds.GRACE_SECONDS)
  }
}

// An empty value is what `docker plugin set NAME=` leaves: as good as none.
function textOf(environment: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  return environment[name] || undefined
}

function count(least: number, usual: number): Kind<number> {
  return {
    usual: String(usual),
    refuse: text =>
      !/^\d{1,15}$/.test(text)
        ? 'it must be a whole number'
        : Number(text) < least
          ? `it must be at least ${least}`
          : null,
    value: Number
  }
}

function oneOf<W extends string>(words: readonly W[], usual: NoInfer<W>): Kind<W> {
  const rule = `it must be ${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`
  return {
    usual,
    refuse: text => (words.some(word => word === text) ? null : rule),
    value: text => text as W
  }
}
