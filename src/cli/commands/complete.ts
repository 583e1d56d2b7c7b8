import type { Argument, Command, Option } from 'commander'
import { actions } from '../../base/actions.ts'
import type { Api } from '../client/api.ts'
import {
  boxes,
  directives,
  files,
  nothing,
  typesOfBoxes,
  versionsOfBox,
  words,
  type Asking,
  type Complete,
  type Completion
} from '../completion/names.ts'
import { buildFlags } from '../inject/build-flags.ts'
import type { FlagTable } from '../inject/command-line.ts'
import { buildInjectOptions, injectSwitches, runInjectOptions } from '../inject/inject-options.ts'
import { positionAt } from '../inject/flag-at.ts'
import { runFlags } from '../inject/run-flags.ts'
import { Operand } from '../declare/operand.ts'
import { printable } from '../output/printable.ts'

/**
 * Completes the last of `words`, a command line without the program's name. Candidates all begin with it. What an operand
 * can be, its declaration says.
 * Never throws: where there is nothing to be found out, nothing is completed.
 */
export async function complete(program: Command, api: Api, words: readonly string[]): Promise<Completion> {
  const current = words.at(-1) ?? ''
  const [name, ...before] = words.slice(0, -1)
  try {
    const { candidates, directive } =
      name === undefined
        ? completeCommand(program, current)
        : await completeIn(program, api, name, before, current)
    // A line of the answer holds no control character, nor could what is typed.
    const fitting = candidates.filter(({ value }) => value.startsWith(current) && value === printable(value))
    return { candidates: fitting, directive }
  } catch {
    return { candidates: [], directive: directives.error }
  }
}

function completeCommand(program: Command, current: string): Completion {
  if (current.startsWith('-')) return optionsOf(program)
  return words(
    program.commands.map(command => ({
      value: command.name(),
      meaning: command.summary() || command.description()
    }))
  )
}

async function completeIn(
  program: Command,
  api: Api,
  name: string,
  before: string[],
  current: string
): Promise<Completion> {
  const command = program.commands.find(each => each.name() === name || each.aliases().includes(name))
  if (command === undefined) return name === 'help' ? completeCommand(program, current) : words([])
  const docker = dockerFlags[command.name()]
  if (docker !== undefined) return completeForDocker(docker, api, before, current)
  const { operands, option, literal } = readWords(command, before)
  const asking = { api, before: operands, current }
  if (option !== null) return valuesOf(option, '', asking)
  const [, named] = (!literal && /^(--[a-z-]+)=/.exec(current)) || []
  if (named !== undefined) {
    const wanted = command.options.find(({ long, required }) => required && long === named)
    return wanted === undefined ? words([]) : valuesOf(wanted, `${named}=`, asking)
  }
  if (current.startsWith('-') && !literal) return optionsOf(command)
  const argument = argumentAt(command, operands.length)
  if (!(argument instanceof Operand)) return words([])
  return argument.complete(asking)
}

/** The commands that hand their flags on to docker. */
const dockerFlags: Readonly<Record<string, DockerFlags>> = {
  run: { table: runFlags, interspersed: false, injectOptions: runInjectOptions },
  'create-container': { table: runFlags, interspersed: false, injectOptions: runInjectOptions },
  build: { table: buildFlags, interspersed: true, injectOptions: buildInjectOptions }
}

interface DockerFlags {
  readonly table: FlagTable
  readonly interspersed: boolean
  readonly injectOptions: readonly string[]
}

const ownFlags: Readonly<Record<string, string>> = {
  inject: 'a box, as BOX, BOX:ALIAS or BOX:/PATH, and options after commas',
  'inject-dir': 'a directory, as DIR, DIR:ALIAS or DIR:/PATH',
  secrets: 'a file of JSON with secret_mounts; - is standard input'
}

async function completeForDocker(
  { table, interspersed, injectOptions }: DockerFlags,
  api: Api,
  before: readonly string[],
  current: string
): Promise<Completion> {
  const position = positionAt(before, current, table, { interspersed })
  switch (position.kind) {
    case 'flag':
      return words([
        ...[...table.kinds.keys()].map(name => ({ value: `--${name}`, meaning: ownFlags[name] ?? '' })),
        ...[...table.longNames].map(([letter, name]) => ({ value: `-${letter}`, meaning: `--${name}` }))
      ])
    case 'value': {
      const asking = { api, before: [], current }
      if (position.flag !== 'inject') return files(asking)
      const { prefix } = position
      const { candidates, directive } = await injectionAt(api, current.slice(prefix.length), injectOptions)
      return attached(prefix, { candidates, directive })
    }
    case 'operand':
      return files({ api, before: [], current })
  }
}

/** The box of an `--inject`, and after a comma its options. */
async function injectionAt(api: Api, current: string, options: readonly string[]): Promise<Completion> {
  const comma = current.lastIndexOf(',')
  if (comma === -1) return boxes({ api, before: [], current })
  const [given, option] = [current.slice(0, comma + 1), current.slice(comma + 1)]
  const [box = ''] = given.split(/[:,]/)
  const { candidates, directive } = option.startsWith('version=')
    ? attached('version=', await versionsOfBox({ api, before: [box], current: '' }))
    : words(options.map(name => ({ value: injectSwitches.includes(name) ? name : `${name}=`, meaning: '' })))
  return attached(given, { candidates, directive: directive | directives.noSpace })
}

function attached(prefix: string, { candidates, directive }: Completion): Completion {
  return { candidates: candidates.map(each => ({ ...each, value: prefix + each.value })), directive }
}

/** The operands among a command's words; the option that still wants its value; whether `--` was there. */
function readWords(
  command: Command,
  before: readonly string[]
): { operands: string[]; option: Option | null; literal: boolean } {
  const operands: string[] = []
  let option: Option | null = null
  let literal = false
  for (const word of before) {
    if (option !== null) option = null
    else if (literal || !word.startsWith('-')) operands.push(word)
    else if (word === '--') literal = true
    else
      option =
        command.options.find(each => each.required && (each.short === word || each.long === word)) ?? null
  }
  return { operands, option, literal }
}

function argumentAt(command: Command, index: number): Argument | undefined {
  const last = command.registeredArguments.at(-1)
  return command.registeredArguments[index] ?? (last?.variadic === true ? last : undefined)
}

function optionsOf(command: Command): Completion {
  const options = command.createHelp().visibleOptions(command)
  return words(
    options.flatMap(({ short, long, description }) =>
      [long, short].flatMap(flag => (flag === undefined ? [] : { value: flag, meaning: description }))
    )
  )
}

const values = (...all: string[]): Complete => {
  const completion = words(all.map(value => ({ value, meaning: '' })))
  return () => completion
}

/** What options take; of others nothing is known. */
const optionValues: Readonly<Record<string, Complete>> = {
  '--format': values('json', 'table'),
  '--charset': values(
    'alphanumeric',
    'letters',
    'digits',
    'hex',
    'base64url',
    'printable',
    'bytes',
    'chars:'
  ),
  '--file': files,
  '--box': boxes,
  '--action': values(...actions),
  '--caller': values('engine', 'daemon', 'container'),
  '--type': typesOfBoxes,
  '--reveal': values('never'),
  '--test': files,
  '--version': versionsOfBox
}

async function valuesOf({ long }: Option, prefix: string, asking: Asking): Promise<Completion> {
  return attached(prefix, await (optionValues[long ?? ''] ?? nothing)(asking))
}

/** The completion as cobra writes it: a line per candidate, then the directive. */
export function completionLines(
  { candidates, directive }: Completion,
  { meanings }: { meanings: boolean }
): string {
  const lines = candidates.map(({ value, meaning }) =>
    meanings && meaning !== '' ? `${value}\t${printable(meaning)}` : value
  )
  return [...lines, `:${directive}`].map(line => `${line}\n`).join('')
}
