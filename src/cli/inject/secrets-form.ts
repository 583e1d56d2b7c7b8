import { isSecretboxError, quote } from '../../base/errors.ts'
import { didYouMean } from '../../base/messages.ts'
import { maxComponentBytes, maxPathBytes } from '../../base/names.ts'
import { nearest } from '../../base/nearest.ts'
import type { Secret } from '../../base/secret.ts'
import { secretKinds, type SecretKind } from '../../base/secret-kinds.ts'
import { mostEnvBytes, mostInVariable, mostVariables, variableName } from '../../base/variables.ts'
import { readJson, stringBytes, writtenBytes, type JsonValue } from '../input/json-bytes.ts'
import { UsageError } from '../output/failure.ts'
import { isTakenByRuntime, normalTarget } from './injection.ts'
import { lengthOfText } from './variables-text.ts'

/** A file of a container, and how it was given. */
export interface SecretFile {
  readonly kind: SecretKind
  readonly content: Secret
}

/** Secrets of one container, as `--secrets` gives them. Who has them wipes them. */
export interface ContainerSecrets {
  /** Files of the container, by their absolute, normal paths. */
  readonly mounts: ReadonlyMap<string, SecretFile>
  /** Its variables, by their names. */
  readonly environment: ReadonlyMap<string, Secret>
}

const sections = ['secret_mounts', 'secret_environment'] as const
const mountKeys = ['kind', 'content'] as const

/**
 * Reads `{"secret_mounts": {"/path": {"kind": "text"|"json", "content": …}}, "secret_environment": {"NAME": "value"}}`. A file of
 * kind `text` holds what the string says, one of kind `json` the value as it is written. `source` is where the text comes from, in
 * messages; these show paths and names, and nothing of a value. Throws `UsageError`.
 */
export function readSecrets(text: Buffer, source: string): ContainerSecrets {
  const refuse: Refuse = (reason, hint) => {
    throw new UsageError(`cannot use the secrets of ${source}: ${reason}`, hint)
  }
  const [mounts, environment] = [new Map<string, SecretFile>(), new Map<string, Secret>()]
  if (!text.some(byte => byte > 32)) refuse('it is empty', 'write {} for none')
  try {
    const whole = readJson(text)
    const [files, variables] = sections.map(name =>
      membersOf(membersOf(whole, 'it', refuse, sections).get(name), name, refuse)
    )
    for (const [target, mount] of files ?? []) mounts.set(target, fileOf(text, target, mount, refuse))
    refuseNested([...mounts.keys()], refuse)
    for (const [name, value] of variables ?? []) environment.set(name, variableOf(text, name, value, refuse))
    refuseTooMany(environment, refuse)
    return { mounts, environment }
  } catch (error) {
    wipeSecrets({ mounts, environment })
    if (isSecretboxError(error, 'invalid') && !(error instanceof UsageError)) refuse(error.message)
    throw error
  }
}

/** Overwrites them. */
export function wipeSecrets({ mounts, environment }: ContainerSecrets): void {
  for (const { content } of mounts.values()) content.wipe()
  for (const value of environment.values()) value.wipe()
}

type Refuse = (reason: string, hint?: string) => never

/** The members of an object; none when it is not given. `known`: what its members may be called, unless that is free. */
function membersOf(
  value: JsonValue | undefined,
  what: string,
  refuse: Refuse,
  known: readonly string[] | null = null
): ReadonlyMap<string, JsonValue> {
  if (value === undefined) return new Map()
  const name = what === 'it' ? what : quote(what)
  if (value.type === 'null') return refuse(`${name} is null`, 'write {} for none')
  if (value.type !== 'object') return refuse(`${name} is not an object`)
  for (const key of value.members.keys()) {
    if (known === null || known.includes(key)) continue
    const meant = nearest(key, known)
    refuse(
      `${name} has ${quote(key)}, and may have ${known.map(quote).join(' and ')}`,
      meant === null ? undefined : didYouMean(meant)
    )
  }
  return value.members
}

function fileOf(text: Buffer, target: string, mount: JsonValue, refuse: Refuse): SecretFile {
  const why = whyNotTarget(target)
  if (why !== null) refuse(`${quote(target)} cannot be the place of a file: ${why}`)
  const members = membersOf(mount, target, refuse, mountKeys)
  const kind = kindOf(text, members.get('kind'))
  const content = members.get('content')
  if (kind === null) return refuse(`the "kind" of ${quote(target)} is neither "text" nor "json"`)
  if (content === undefined || content.type === 'null') return refuse(`${quote(target)} has no "content"`)
  if (kind === 'json') return { kind, content: writtenBytes(text, content) }
  if (content.type !== 'string')
    return refuse(`the "content" of ${quote(target)} is not a string`, 'other values have the kind "json"')
  return { kind, content: stringBytes(text, content) }
}

function kindOf(text: Buffer, value: JsonValue | undefined): SecretKind | null {
  if (value?.type !== 'string') return null
  const kind = stringBytes(text, value).bytes()
  return secretKinds.find(each => Buffer.from(each).equals(kind)) ?? null
}

function variableOf(text: Buffer, name: string, value: JsonValue, refuse: Refuse): Secret {
  // What follows may be the value of somebody who writes variables as a shell does.
  if (name.includes('='))
    refuse(
      `a name of a variable has a "=": ${quote(name.split('=', 1)[0] ?? '')}`,
      'write it as {"NAME": "value"}'
    )
  if (!variableName.test(name))
    refuse(
      `${quote(name)} is no name of a variable`,
      'a name has letters, digits, "_", "." and "-", and begins with no digit'
    )
  if (value.type !== 'string') return refuse(`the value of variable ${quote(name)} is not a string`)
  const bytes = stringBytes(text, value)
  const reason = bytes.bytes().includes(0)
    ? 'has a NUL'
    : name.length + bytes.length + 2 > mostInVariable
      ? `is longer than ${mostInVariable / 1024} KiB`
      : null
  if (reason === null) return bytes
  bytes.wipe()
  return refuse(`the value of variable ${quote(name)} ${reason}`)
}

function refuseTooMany(environment: ReadonlyMap<string, Secret>, refuse: Refuse): void {
  if (environment.size > mostVariables) refuse(`there are more than ${mostVariables} variables`)
  if (lengthOfText(environment) >= mostEnvBytes)
    refuse('there is more than 1 MiB of variables', 'give what is large as a file: "secret_mounts"')
}

function whyNotTarget(target: string): string | null {
  if (!target.startsWith('/')) return 'it does not begin with "/"'
  if (target.includes('\0') || !target.isWellFormed()) return 'it is no path'
  if (normalTarget(target) !== target) return `its plain form is ${quote(normalTarget(target))}`
  const isLong = target.split('/').some(name => Buffer.byteLength(name) > maxComponentBytes)
  if (isLong || Buffer.byteLength(target) >= maxPathBytes) return 'it is too long'
  return isTakenByRuntime(target) ? 'the runtime has something of its own there' : null
}

function refuseNested(targets: readonly string[], refuse: Refuse): void {
  for (const target of targets) {
    const outer = targets.find(other => target.startsWith(`${other}/`))
    if (outer !== undefined) refuse(`${quote(target)} lies in ${quote(outer)}, which is a file`)
  }
}
