import type { Request, RequestHandler, Response } from 'express'
import { type AuditCheck, type AuditDamage, type AuditDocument, type AuditEntry } from '../../api/audit.ts'
import { linesType } from '../../api/media-types.ts'
import type { QueryOf } from '../../api/operation.ts'
import { operations } from '../../api/operations.ts'
import { SecretboxError } from '../../base/errors.ts'
import type { AuditConditions } from '../../vault/audit/conditions.ts'
import { isDamage, isEntry, type AuditLine, type AuditQuery } from '../../vault/audit/reading.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { ReadAudit } from '../../vault/read-audit.ts'
import { createCrowd } from '../transport/crowd.ts'
import { queryOf } from '../transport/request.ts'

/** What the audit's endpoint answers from. */
export interface AuditParts {
  readonly audit: ReadAudit
  /** Resolves when there are entries after the number, or the signal aborts. */
  readonly auditAfter: (sequence: number, signal: AbortSignal) => Promise<void>
}

/** How many may follow the audit at once who are not root: each of them, and all; and how many with root. */
const mostFollowers = { perUid: 4, all: 32, withRoot: 256 } as const

/** How many may be reading at once who are not root: what one asks for in a line may have all entries decrypted. */
const mostReaders = { perUid: 4, all: 32 } as const

const defaultLimit = 100
/** As many entries as one JSON document holds; they are held in memory meanwhile. */
const mostInDocument = 10_000
/** As many are looked at for those of a document that fit: `check.from` tells where that began. Lines have no end. */
const mostLooked = 10_000
const pieceBytes = 32 << 10

/** `GET /audit`: one JSON document of entries, newest first, or lines of any number of them, oldest first. */
export function auditRoute(parts: AuditParts, callerOf: (request: Request) => Caller): RequestHandler {
  const followers = createCrowd({ perUid: mostFollowers.perUid, all: mostFollowers.all })
  const readers = createCrowd(mostReaders)
  /** Reads while fewer do than may. */
  const reading = async <T>(caller: Caller, read: () => Promise<T>): Promise<T> => {
    const leave = readers.enter(caller.kind === 'user' ? caller.uid : 0)
    if (leave === null)
      throw new SecretboxError('too_many', 'too many read the audit already', {
        hint: 'try again when they are done'
      })
    try {
      return await read()
    } finally {
      leave()
    }
  }
  let following = 0
  const begin = (caller: Caller, response: Response): void => {
    const leave =
      following >= mostFollowers.withRoot ? null : followers.enter(caller.kind === 'user' ? caller.uid : 0)
    if (leave === null)
      throw new SecretboxError('too_many', 'too many follow the audit already', {
        hint: 'end one of those that do'
      })
    following++
    response.once('close', () => {
      following--
      leave()
    })
  }
  return async (request, response) => {
    const { follow: follows, ...asked } = queryOf(operations.readAudit, request)
    const caller = callerOf(request)
    const asLines = request.accepts(['json', linesType]) === linesType
    const query = entriesAsked(asked)
    if (!asLines && (query.limit > mostInDocument || follows)) {
      throw new SecretboxError(
        'invalid',
        follows
          ? 'bad follow: a JSON document has an end'
          : `bad limit "${query.limit}": a JSON document has at most ${mostInDocument} entries`,
        { hint: `ask for lines: Accept: ${linesType}` }
      )
    }
    const leaving = new AbortController()
    response.once('close', () => leaving.abort())
    const { signal } = leaving
    const read = await parts.audit(caller, query.boxes ?? [])
    if (!asLines) {
      response.json(await reading(caller, () => documentOf(read({ ...query, mostLooked, signal }))))
      return
    }
    const isFollowing = follows && request.method === 'GET'
    if (isFollowing) begin(caller, response)
    response.type(linesType)
    let newest = await reading(caller, () => sendLines(response, read({ ...query, signal })))
    while (isFollowing) {
      await parts.auditAfter(newest, signal)
      if (signal.aborted) return
      newest = await sendLines(response, read({ ...query, from: newest + 1 }))
    }
    response.end()
  }
}

function entriesAsked({
  limit,
  box,
  ...asked
}: Omit<QueryOf<typeof operations.readAudit>, 'follow'>): AuditQuery {
  const given = Object.entries(asked).filter(([, value]) => value !== undefined)
  return {
    limit: limit ?? (asked.since === undefined ? defaultLimit : Infinity),
    ...(box === undefined ? {} : { boxes: box }),
    ...(Object.fromEntries(given) as AuditConditions)
  }
}

async function documentOf(lines: AsyncIterable<AuditLine>): Promise<AuditDocument> {
  const entries: AuditEntry[] = []
  const damaged: AuditDamage[] = []
  let check: AuditCheck | null = null
  for await (const line of lines) {
    if (isEntry(line)) entries.push(line)
    else if (isDamage(line)) damaged.push(line)
    else check = line
  }
  if (check === null) throw new Error('a reading of the audit ended without a check')
  return { entries: entries.reverse(), ...(damaged.length === 0 ? {} : { damaged }), check }
}

/** The number of the newest entry that was looked at. */
async function sendLines(response: Response, lines: AsyncIterable<AuditLine>): Promise<number> {
  let newest = 0
  let text = ''
  for await (const line of lines) {
    if ('newest' in line) newest = line.newest
    text += `${JSON.stringify(line)}\n`
    if (text.length < pieceBytes) continue
    await write(response, text)
    text = ''
  }
  await write(response, text)
  return newest
}

function write(response: Response, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(text, error => (error ? reject(error) : resolve()))
  })
}
