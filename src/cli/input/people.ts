import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parseSubject, printSubject, type Subject } from '../../vault/access/subjects.ts'

const run = promisify(execFile)
/** Where the host's own programs are, whatever PATH the user has. */
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }

/**
 * Reads a subject as users write it, with names of people as this host knows them (getent(1)). Throws `not_found` for one
 * that it does not, and what `parseSubject` throws.
 */
export async function readSubject(text: string): Promise<Subject> {
  const [, kind, name] = /^(user|group):([^\p{Cc}]+)$/u.exec(text) ?? []
  if (kind === undefined || name === undefined || /^\d+$/.test(name)) return parseSubject(text)
  const id = await lookUp(kind === 'user' ? 'passwd' : 'group', name)
  if (id === null)
    throw new SecretboxError('not_found', `there is no ${kind} ${quote(name)} on this host`, {
      hint: `one that is not here is written as a number: ${kind}:1000`
    })
  return parseSubject(`${kind}:${id}`)
}

/** The number of a user who is named, or whose number is given. Throws what `readSubject` throws. */
export async function uidOf(user: string): Promise<number> {
  const subject = await readSubject(`user:${user}`)
  if (subject.kind !== 'user') throw new Error('a user is no other subject')
  return subject.uid
}

/** What this host calls a user; null for one that it does not know. */
export async function nameOfUid(uid: number): Promise<string | null> {
  try {
    const { stdout } = await run('getent', ['passwd', String(uid)], { env })
    const [name = ''] = stdout.split(':')
    return name === '' ? null : name
  } catch {
    return null
  }
}

/** As `readSubject`, as the API has it. */
export async function subjectText(text: string): Promise<string> {
  return printSubject(await readSubject(text))
}

/** The third field of a line of passwd(5) or group(5). */
async function lookUp(database: 'passwd' | 'group', name: string): Promise<string | null> {
  // What begins so would be an option, and no name has a colon.
  if (name.startsWith('-') || name.includes(':')) return null
  try {
    const { stdout } = await run('getent', [database, name], { env })
    const [found, , id] = stdout.split('\n')[0]?.split(':') ?? []
    return found === name ? (id ?? null) : null
  } catch {
    return null
  }
}

/** The groups that a user is in on this host (id(1)); none for one who is not known here. */
export async function groupsOfUser(uid: number): Promise<number[]> {
  try {
    const { stdout } = await run('id', ['-G', String(uid)], { env })
    return stdout.trim().split(/\s+/).map(Number).filter(Number.isSafeInteger)
  } catch {
    return []
  }
}
