import { Option, type Command } from 'commander'
import { SecretboxError } from '../../base/errors.ts'
import type { AuditCheck, AuditDamage, AuditEntry, AuditLine } from '../../api/audit.ts'
import { parseBoxAlone } from '../client/address.ts'
import { boxes, words, type Complete } from '../completion/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { Operand } from '../declare/operand.ts'
import { UsageError } from '../output/failure.ts'
import { listFormat } from '../output/format.ts'
import { counted } from '../output/human.ts'
import { parseAgo } from '../output/time.ts'
import { callerNamed, parseAction, parseContainer, parseLast } from './audit-conditions.ts'
import { damageRow, printerOfEntries, rowOf, type EntryRow } from './audit-rows.ts'

interface AuditOptions {
  readonly last?: number
  readonly limit?: number
  readonly box?: string
  readonly action?: string
  readonly caller?: string
  readonly container?: string
  readonly denied?: boolean
  readonly since?: string
  readonly until?: string
  readonly follow?: boolean
  readonly format?: string
}

/** Entries are printed so many at a time, so that a long audit needs no memory. */
const batchRows = 256
/** As many damages are told one by one. */
const mostTold = 10

/** `audit [BOX…]`: decisions of the daemon, the newest last, held against each other on the way; `audit verify`: all of them. */
export function audit(cli: Cli): Command {
  const ago = (text: string): string => parseAgo(text, Date.now())
  return command(
    cli,
    'audit',
    'Show who did what with which box, the newest last, and check that nothing is missing. "audit verify" checks all that there ' +
      'is and shows nothing else: the exit status is 1 where it is broken. A box of that name is shown with --box.',
    [
      '$ audit',
      '$ audit db --since 1h',
      '$ audit --denied --caller alice',
      '$ audit --action box.reveal --last 20',
      '$ audit --last all --format json',
      '$ audit verify'
    ]
  )
    .summary('Show who did what with which box, and check that nothing is missing')
    .addArgument(whatOperand())
    .option('-n, --last <n>', 'how many entries, "all" for every one; 100 unless --since is given', parseLast)
    .addOption(new Option('--limit <n>', 'the same').argParser(parseLast).hideHelp())
    .option('--box <box>', 'only what was done with this box, as well as with a BOX', text =>
      parseBoxAlone(text)
    )
    .option('--action <action>', 'only this, such as box.reveal, box.mount or box.change', parseAction)
    .option('--caller <user>', 'only what this user asked for, or engine, daemon or container')
    .option('--container <container>', 'only what names this container, by name or ID', parseContainer)
    .option('--denied', 'only what was denied')
    .option('--since <time>', 'only from then on: how long ago, such as 1h30m, or a time', ago)
    .option('--until <time>', 'only before then, likewise', ago)
    .option('--follow', 'go on with what comes')
    .option(...listFormat)
    .action(async (words: string[], options: AuditOptions) => {
      if (words[0] === 'verify') await verify(cli, words.slice(1), options)
      else await showWanted(cli, words, options)
    })
}

async function showWanted(
  cli: Cli,
  names: readonly string[],
  { last, limit = last, format = 'table', box, caller, ...filters }: AuditOptions
): Promise<void> {
  const { since, until, follow = false } = filters
  if (since !== undefined && until !== undefined && since >= until)
    throw new UsageError('nothing is both after --since and before --until')
  if (follow && until !== undefined)
    throw new UsageError('--follow shows what comes, and --until only what was')
  const named = [...names, ...(box === undefined ? [] : [box])].map(name => parseBoxAlone(name))
  const query = {
    ...filters,
    ...(named.length === 0 ? {} : { boxes: named }),
    ...(caller === undefined ? {} : { caller: await callerNamed(caller) }),
    limit: limit ?? (since === undefined ? 100 : undefined)
  }
  await show(cli, printerOfEntries(cli, format, follow), cli.api.audit(query), follow)
}

async function show(
  cli: Cli,
  print: (rows: readonly EntryRow[]) => Promise<void>,
  lines: AsyncIterable<AuditLine>,
  follows: boolean
): Promise<void> {
  const damages = tellDamages(cli)
  let [rows, isWhole, entries]: [EntryRow[], boolean, number] = [[], false, 0]
  for await (const line of lines) {
    if (isCheck(line)) {
      await print(rows)
      rows = []
      isWhole = true
      if (!follows) cli.note(`${entries === 0 ? 'no entry fits; ' : ''}${checkText(line)}`)
      continue
    }
    if (isDamage(line)) damages.tell(line)
    else entries++
    rows.push(isDamage(line) ? damageRow(line) : rowOf(line))
    if (rows.length < batchRows) continue
    await print(rows)
    rows = []
  }
  damages.end()
  if (!isWhole) throw stopped()
}

/** Says how far it is now and then, since it may take a while. */
const entriesBetweenNotes = 50_000

async function verify(cli: Cli, more: readonly string[], options: AuditOptions): Promise<void> {
  const [given] = Object.keys(options)
  if (more.length > 0 || given !== undefined)
    throw new UsageError(
      `"audit verify" checks all, and takes no ${given === undefined ? 'boxes' : `--${given}`}`,
      'a box of that name is shown by: audit --box verify'
    )
  const damages = tellDamages(cli)
  let [checked, check]: [number, AuditCheck | null] = [0, null]
  const all = (await checkOf(cli.api.audit({ limit: 1 }))).newest
  for await (const line of cli.api.audit({ limit: parseLast('all') })) {
    if (isCheck(line)) check = line
    else if (isDamage(line)) damages.tell(line)
    else if (++checked % entriesBetweenNotes === 0) cli.note(`entry ${line.sequence} of ${all}`)
  }
  damages.end()
  if (check === null) throw stopped()
  cli.print(checkText(check))
}

async function checkOf(lines: AsyncIterable<AuditLine>): Promise<AuditCheck> {
  for await (const line of lines) if (isCheck(line)) return line
  throw stopped()
}

/** Tells damages as they come, not more than anybody reads; at the end, how many more there were. */
function tellDamages(cli: Cli): { tell: (line: AuditDamage) => void; end: () => void } {
  let damages = 0
  return {
    tell(line) {
      if (++damages <= mostTold) cli.fail(broken(line.damaged))
    },
    end() {
      if (damages > mostTold) cli.fail(broken(`${damages - mostTold} more damages`))
    }
  }
}

function isCheck(line: AuditLine): line is AuditCheck {
  return 'checked' in line
}

function isDamage(line: AuditEntry | AuditDamage): line is AuditDamage {
  return 'damaged' in line
}

function stopped(): SecretboxError {
  return new SecretboxError('unavailable', 'the daemon stopped in the middle of the audit')
}

function broken(what: string): SecretboxError {
  return new SecretboxError('damaged', `the audit is broken: ${what}`)
}

function checkText(check: AuditCheck): string {
  const { checked, damages, from, to, oldest, newest } = check
  const all = newest - oldest + 1
  const which = checked === 0 || checked >= all ? '' : `, ${from} to ${to}`
  const of = checked < all ? `${which}, of ${all}` : ''
  const found = damages === 0 ? 'nothing is missing or altered' : `${counted(damages, 'damage')} found`
  return `checked ${checked} entr${checked === 1 ? 'y' : 'ies'}${of}: ${found}`
}

function whatOperand(): Operand<string> {
  const complete: Complete = async asking => {
    const { candidates, directive } = await boxes(asking)
    const verb = { value: 'verify', meaning: 'check all that there is' }
    return asking.before.length > 0
      ? { candidates, directive }
      : { candidates: [...candidates, ...words([verb]).candidates], directive }
  }
  const operand = new Operand<string>({
    term: 'BOX',
    usage: '[BOX...|verify]',
    meaning: 'only what was done with these boxes; or "verify"',
    parse: text => text,
    complete
  }).several()
  operand.argOptional()
  return operand
}
