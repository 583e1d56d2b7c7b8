import type { Request, RequestHandler, Response } from 'express'
import { quote, SecretboxError } from '../../base/errors.ts'
import { isDamage, isEntry, type AuditLine, type AuditQuery } from '../../vault/audit/reading.ts'
import { actions } from '../../vault/access/actions.ts'
import type { Caller } from '../../vault/access/authority.ts'
import { parseBoxName } from '../../base/names.ts'
import type { ReadAudit } from '../../vault/read-audit.ts'
import { flagIn, numberIn, takeQuery, textOf } from '../transport/address.ts'

/** What the audit's endpoint answers from. */
export interface AuditParts {
  readonly audit: ReadAudit
  /** Resolves when there are entries after the number. */
  readonly auditAfter: (sequence: number) => Promise<void>
}

/** A line for each entry, as they are read. */
const linesType = 'application/x-ndjson'
const defaultLimit = 100
/** As many entries as one JSON document holds; they are held in memory meanwhile. */
const mostInDocument = 10_000
const pieceBytes = 32 << 10

/** `GET /audit`: one JSON document of entries, newest first, or lines of any number of them, oldest first. */
export function auditRoute(parts: AuditParts, callerOf: (request: Request) => Caller): RequestHandler {
  return async (request, response) => {
    takeQuery(request, 'limit', 'box', 'action', 'since', 'follow')
    const caller = callerOf(request)
    const asLines = request.accepts(['json', linesType]) === linesType
    const query = queryOf(request)
    const follows = flagIn('follow', request.query['follow'])
    if (!asLines && (query.limit > mostInDocument || follows)) {
      throw new SecretboxError(
        'invalid',
        follows
          ? 'bad follow: a JSON document has an end'
          : `bad limit "${query.limit}": a JSON document has at most ${mostInDocument} entries`,
        { hint: `ask for lines: Accept: ${linesType}` }
      )
    }
    const read = await parts.audit(caller, query.box)
    if (!asLines) {
      response.json(await documentOf(read(query)))
      return
    }
    response.type(linesType)
    let newest = await sendLines(response, read(query))
    while (follows && request.method === 'GET') {
      await Promise.race([parts.auditAfter(newest), closed(response)])
      if (response.destroyed) return
      newest = await sendLines(response, read({ ...query, from: newest + 1 }))
    }
    response.end()
  }
}

function queryOf(request: Request): AuditQuery {
  const { box, action, since, limit } = request.query
  const most = numberIn('limit', limit, null) ?? (since === undefined ? defaultLimit : Infinity)
  return {
    limit: most,
    ...(box === undefined ? {} : { box: parseBoxName(textOf(box)) }),
    ...(action === undefined ? {} : { action: actionIn(textOf(action)) }),
    ...(since === undefined ? {} : { since: timeIn(textOf(since)) })
  }
}

function actionIn(text: string): string {
  if ((actions as readonly string[]).includes(text)) return text
  throw new SecretboxError('invalid', `bad action ${quote(text)}: actions are ${actions.join(', ')}`)
}

function timeIn(text: string): string {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? new Date(text) : new Date(NaN)
  if (!Number.isNaN(time.getTime())) return time.toISOString()
  throw new SecretboxError(
    'invalid',
    `bad since ${quote(text)}: it must be a time such as 2026-01-31T12:00:00Z`
  )
}

async function documentOf(lines: AsyncIterable<AuditLine>): Promise<Record<string, unknown>> {
  const entries: AuditLine[] = []
  const damaged: AuditLine[] = []
  let check = {}
  for await (const line of lines) {
    if (isEntry(line)) entries.push(line)
    else if (isDamage(line)) damaged.push(line)
    else check = line
  }
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

function closed(response: Response): Promise<void> {
  return new Promise(resolve => response.once('close', resolve))
}
