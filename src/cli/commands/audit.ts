import { Option, type Command } from 'commander'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parseBoxAlone } from '../client/address.ts'
import type { AuditCheck, AuditDamage, AuditEntry, AuditLine } from '../../api/audit.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { UsageError } from '../output/failure.ts'
import { listFormat, printerFor, type Fields } from '../output/format.ts'
import { counted } from '../output/human.ts'
import { printable } from '../output/printable.ts'
import { growingTable } from '../output/table.ts'
import { valueText, type Row } from '../output/template.ts'
import { parseSince } from '../output/time.ts'

const fields: Fields = {
  Sequence: { heading: 'NUMBER' },
  Time: { heading: 'TIME' },
  Caller: { heading: 'CALLER' },
  Action: { heading: 'ACTION' },
  Decision: { heading: 'DECISION' },
  Subject: { heading: 'SUBJECT', show: (subject: object) => subjectText(subject), fields: 'any' }
}

interface AuditOptions {
  readonly last?: number
  readonly limit?: number
  readonly box?: string
  readonly action?: string
  readonly since?: string
  readonly follow?: boolean
  readonly format?: string
}

/** Entries are printed so many at a time, so that a long audit needs no memory. */
const batchRows = 256
/** As many damages are told one by one. */
const mostTold = 10

/** `audit`: decisions of the daemon, the newest last, held against each other on the way. */
export function audit(cli: Cli): Command {
  return command(
    cli,
    'audit',
    'Show who did what with which box, the newest last, and check that nothing is missing',
    [
      '$ audit',
      '$ audit --box db --since 1h',
      '$ audit --action box.reveal --last 20',
      '$ audit --last all --format json'
    ]
  )
    .option('-n, --last <n>', 'how many entries, "all" for every one; 100 unless --since is given', parseLast)
    .addOption(new Option('--limit <n>', 'the same').argParser(parseLast).hideHelp())
    .option('--box <box>', 'only what was done with this box', text => parseBoxAlone(text))
    .option('--action <action>', 'only this, such as box.reveal, box.mount or box.change')
    .option('--since <time>', 'only from then on: how long ago, such as 1h30m, or a time', text =>
      parseSince(text, Date.now())
    )
    .option('--follow', 'go on with what comes')
    .option(...listFormat)
    .action(async ({ last, limit = last, format = 'table', ...filters }: AuditOptions) => {
      const query = { ...filters, limit: limit ?? (filters.since === undefined ? 100 : undefined) }
      await show(cli, format, cli.api.audit(query), filters.follow === true)
    })
}

async function show(
  cli: Cli,
  format: string,
  lines: AsyncIterable<AuditLine>,
  follows: boolean
): Promise<void> {
  const print = format === 'table' ? tablePrinter(cli) : rowsPrinter(cli, format)
  let [rows, isWhole, damages]: [Row[], boolean, number] = [[], false, 0]
  for await (const line of lines) {
    if (isCheck(line)) {
      print(rows)
      rows = []
      isWhole = true
      if (!follows) cli.note(checkText(line))
      continue
    }
    if (isDamage(line) && ++damages <= mostTold) cli.fail(broken(line.damaged))
    rows.push(isDamage(line) ? damageRow(line) : rowOf(line))
    if (rows.length < batchRows) continue
    print(rows)
    rows = []
  }
  if (damages > mostTold) cli.fail(broken(`${damages - mostTold} more damages`))
  if (!isWhole) throw new SecretboxError('unavailable', 'the daemon stopped in the middle of the audit')
}

function isCheck(line: AuditLine): line is AuditCheck {
  return 'checked' in line
}

function isDamage(line: AuditEntry | AuditDamage): line is AuditDamage {
  return 'damaged' in line
}

function broken(what: string): SecretboxError {
  return new SecretboxError('damaged', `the audit is broken: ${what}`)
}

function checkText(check: AuditCheck): string {
  const { checked, damages, from, to, oldest, newest } = check
  const all = newest - oldest + 1
  const which = checked < all ? `, ${from} to ${to}, of ${all}` : ''
  const found = damages === 0 ? 'nothing is missing or altered' : `${counted(damages, 'damage')} found`
  return `checked ${checked} entr${checked === 1 ? 'y' : 'ies'}${which}: ${found}`
}

function parseLast(text: string): number | undefined {
  if (text === 'all') return 999_999_999_999_999
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new UsageError(`bad number ${quote(text)}: it must be a whole number from 1 on, or "all"`)
  return Number(text)
}

function tablePrinter(cli: Cli): (rows: readonly Row[]) => void {
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

/** Damages are told on stderr; for programs JSON has them, too. */
function rowsPrinter(cli: Cli, format: string): (rows: readonly Row[]) => void {
  const print = printerFor(cli, format, fields, Object.keys(fields))
  return rows => print(format === 'json' ? rows : rows.filter(row => row['Decision'] !== damaged))
}

const damaged = 'DAMAGED'

function damageRow(line: AuditDamage): Row {
  return { Sequence: line.sequence ?? '', Decision: damaged, Subject: { damaged: line.damaged } }
}

function rowOf({ sequence, time, caller, action, decision, ...rest }: AuditEntry): Row {
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

// Ids of 64 digits make lines that nobody can read; JSON has them whole.
function subjectText(subject: object): string {
  return Object.entries(subject)
    .map(([key, value]) => `${key}=${valueText(value).replace(/^[0-9a-f]{64}$/, id => id.slice(0, 12))}`)
    .join(' ')
}
