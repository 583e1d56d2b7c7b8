import type { Command } from 'commander'
import { quote } from '../errors.ts'
import type { AuditEntry } from './api.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'
import { UsageError } from './failure.ts'
import { listFormat, printerFor, type Fields } from './format.ts'
import { valueText } from './template.ts'

const fields: Fields = {
  Sequence: { heading: 'NUMBER' },
  Time: { heading: 'TIME' },
  Caller: { heading: 'CALLER' },
  Action: { heading: 'ACTION' },
  Decision: { heading: 'DECISION' },
  Subject: { heading: 'SUBJECT', fields: 'any', show: (subject: object) => subjectText(subject) }
}

const defaultLimit = 100

/** `audit`: the newest decisions of the daemon, the newest last. */
export function audit(cli: Cli): Command {
  return command(cli, 'audit', 'Show who did what with which box, the newest last', [
    '$ audit',
    '$ audit --limit 1000 --format json'
  ])
    .option('-n, --limit <n>', 'how many entries', parseLimit, defaultLimit)
    .option(...listFormat)
    .action(async ({ limit, format }: { limit: number; format?: string }) => {
      const print = printerFor(cli, format ?? 'table', fields, Object.keys(fields))
      print((await cli.api.audit(limit)).toReversed().map(rowOf))
    })
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new UsageError(`bad limit ${quote(text)}: a limit is a whole number from 1 on`)
  return Number(text)
}

function rowOf({ sequence, time, caller, action, decision, ...rest }: AuditEntry): Record<string, unknown> {
  const { previous: _, ...subject } = rest
  return {
    Sequence: sequence,
    Time: time,
    Caller: caller.uid === undefined ? caller.kind : `uid ${caller.uid}`,
    Action: action,
    Decision: decision,
    Subject: subject
  }
}

function subjectText(subject: object): string {
  return Object.entries(subject)
    .map(([key, value]) => `${key}=${valueText(value)}`)
    .join(' ')
}
