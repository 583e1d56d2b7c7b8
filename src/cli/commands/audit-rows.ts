import type { AuditDamage, AuditEntry } from '../../api/audit.ts'
import type { Cli } from '../declare/cli.ts'
import { nameOfUid } from '../input/people.ts'
import { shortIdLength } from '../output/fields.ts'
import { printerFor, type Fields } from '../output/format.ts'
import { humanAge } from '../output/human.ts'
import { printable } from '../output/printable.ts'
import { growingTable } from '../output/table.ts'
import { valueText, type Row } from '../output/template.ts'

/** An entry of the audit as templates and JSON have it, or what is damaged in its place. */
export interface EntryRow extends Row {
  readonly Decision: string
  readonly Caller?: string
  readonly Subject: object
}

type NameOf = (uid: string) => string | undefined

/**
 * Makes what prints entries, batch by batch. Tables have names of people as this host knows them and short IDs, and at a terminal how
 * long ago it was; of what is followed the local time, since it stays there. All else has everything as it is.
 */
export function printerOfEntries(
  cli: Cli,
  format: string,
  follows: boolean
): (rows: readonly EntryRow[]) => Promise<void> {
  const names = new Map<string, string | null>()
  const timeText = cli.stdout.isTTY !== true ? String : follows ? localTime : sinceNow
  const fields = fieldsWith(uid => names.get(uid) ?? undefined, timeText)
  const isTable = format === 'table' || format.startsWith('table ')
  const print = format === 'table' ? tablePrinter(cli, fields) : rowsPrinter(cli, format, fields)
  return async rows => {
    if (isTable)
      for (const uid of new Set(rows.flatMap(uidsIn)))
        if (!names.has(uid)) names.set(uid, await nameOfUid(Number(uid)))
    print(rows)
  }
}

function fieldsWith(nameOf: NameOf, timeText: (time: string) => string): Fields {
  const caller = (text?: string): string =>
    (text ?? '').replace(/^uid (\d+)/, (whole, uid: string) => nameOf(uid) ?? whole)
  return {
    Sequence: { heading: 'NUMBER' },
    Time: { heading: 'TIME', show: (time?: string) => (time === undefined ? '' : timeText(time)) },
    Caller: { heading: 'CALLER', show: caller },
    Action: { heading: 'ACTION' },
    Decision: { heading: 'DECISION' },
    Subject: { heading: 'SUBJECT', show: (subject: object) => subjectText(subject, nameOf), fields: 'any' }
  }
}

const sinceNow = (time: string): string => humanAge(time, Date.now())

/** `2026-01-31 12:00:00`, of the place where the terminal is. */
function localTime(time: string): string {
  const at = new Date(time)
  if (Number.isNaN(at.getTime())) return time
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace('T', ' ')
}

function tablePrinter(cli: Cli, fields: Fields): (rows: readonly Row[]) => void {
  const lines = growingTable(Object.values(fields).map(({ heading }) => heading))
  return rows => {
    const cells = rows.map(row =>
      Object.entries(fields).map(([name, { show }]) => {
        const value = row[name]
        return printable(
          value === undefined ? '' : show === undefined ? valueText(value) : show(value as never, row)
        )
      })
    )
    for (const line of lines(cells)) cli.stdout.write(`${line}\n`)
  }
}

const damaged = 'DAMAGED'

/** Damages are told on stderr; for programs JSON has them, too. */
function rowsPrinter(cli: Cli, format: string, fields: Fields): (rows: readonly Row[]) => void {
  const print = printerFor(cli, format, fields, Object.keys(fields))
  return rows => print(format === 'json' ? rows : rows.filter(row => row['Decision'] !== damaged))
}

export function damageRow(line: AuditDamage): EntryRow {
  return { Sequence: line.sequence ?? '', Decision: damaged, Subject: { damaged: line.damaged } }
}

export function rowOf({ sequence, time, caller, action, decision, ...rest }: AuditEntry): EntryRow {
  const { previous: _, ...subject } = rest
  return {
    Sequence: sequence,
    Time: time,
    Caller: callerText(caller),
    Action: action,
    Decision: decision,
    Subject: subject
  }
}

function callerText(caller: AuditEntry['caller']): string {
  if (!('uid' in caller) || caller.kind === 'container') return caller.kind
  const { uid, purpose } = caller
  const name = `uid ${uid}`
  return purpose === undefined ? name : `${name} (${purpose})`
}

function uidsIn({ Caller, Subject }: EntryRow): string[] {
  const { owner, subject } = Subject as { owner?: unknown; subject?: unknown }
  return [Caller?.match(/^uid (\d+)/)?.[1], asUid(owner), asUid(subject)].filter(uid => uid !== undefined)
}

/** The number of a user in what an entry says: `1000`, `user:1000`. */
function asUid(value: unknown): string | undefined {
  return /^(?:user:)?(\d+)$/.exec(valueText(value))?.[1]
}

// Ids of 64 digits make lines that nobody can read; JSON has them whole.
const short = (text: string): string =>
  text.replace(
    /^((?:sha256:)?)([0-9a-f]{32,})$/,
    (_, kind: string, id: string) => kind + id.slice(0, shortIdLength)
  )

/** What people know comes first. A container has its name, and behind it its ID. */
function subjectText(subject: object, nameOf: NameOf): string {
  const { box, containerName, container, ...others } = subject as Record<string, unknown>
  const named =
    containerName === undefined
      ? { container }
      : { container: `${valueText(containerName)} (${short(valueText(container))})` }
  const texts = Object.entries({ box, ...named, ...others }).map(([key, value]) => {
    if (value === undefined) return null
    const uid = key === 'owner' || key === 'subject' ? asUid(value) : undefined
    const name = uid === undefined ? undefined : nameOf(uid)
    const text = name === undefined ? short(valueText(value)) : key === 'owner' ? name : `user:${name}`
    return `${key}=${text}`
  })
  return texts.filter(text => text !== null).join(' ')
}
