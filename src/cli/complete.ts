import type { Argument, Command, Option } from 'commander'
import { parseBoxName } from '../vault/names.ts'
import type { Api } from './api.ts'
import { counted } from './human.ts'
import { buildFlags } from './inject/build-flags.ts'
import type { FlagTable } from './inject/command-line.ts'
import { positionAt } from './inject/flag-at.ts'
import { runFlags } from './inject/run-flags.ts'
import { printable } from './printable.ts'

/** What shells are told beside the candidates, in cobra's numbers, which docker's own completion understands. */
const directives = { files: 0, error: 1, noSpace: 2, noFiles: 4, inOrder: 32 } as const

/** What could stand where the cursor is. */
export interface Completion {
  readonly candidates: readonly Candidate[]
  readonly directive: number
}

/** A word, and what it means. */
export interface Candidate {
  readonly value: string
  readonly meaning: string
}

const nothing: Completion = { candidates: [], directive: directives.noFiles }

/**
 * Completes the last of `words`, a command line without the program's name. Candidates all begin with it. What
 * they are follows from the names of the command's arguments: `box`, `path`, `box:path`, `version`, `file` ….
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
  if (command === undefined) return name === 'help' ? completeCommand(program, current) : nothing
  const docker = dockerFlags[command.name()]
  if (docker !== undefined) return completeForDocker(docker, api, before, current)
  const { operands, option, literal } = readWords(command, before)
  if (option !== null) return valuesOf(option, '')
  const [, attached] = (!literal && /^(--[a-z-]+)=/.exec(current)) || []
  if (attached !== undefined) {
    const wanted = command.options.find(({ long, required }) => required && long === attached)
    return wanted === undefined ? nothing : valuesOf(wanted, `${attached}=`)
  }
  if (current.startsWith('-') && !literal) return optionsOf(command)
  const argument = argumentAt(command, operands.length)
  return argument === undefined ? nothing : operandsFor(argument.name(), api, operands, current)
}

/** The commands that hand their flags on to docker. */
const dockerFlags: Readonly<Record<string, { table: FlagTable; interspersed: boolean }>> = {
  run: { table: runFlags, interspersed: false },
  'create-container': { table: runFlags, interspersed: false },
  build: { table: buildFlags, interspersed: true }
}

const ownFlags: Readonly<Record<string, string>> = {
  inject: 'a box, as BOX, BOX:ALIAS or BOX:/PATH',
  'inject-dir': 'a directory, as DIR, DIR:ALIAS or DIR:/PATH'
}

async function completeForDocker(
  { table, interspersed }: { table: FlagTable; interspersed: boolean },
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
      if (position.flag !== 'inject') return { candidates: [], directive: directives.files }
      const { candidates, directive } = await boxes(api, '')
      const { prefix } = position
      return { candidates: candidates.map(each => ({ ...each, value: prefix + each.value })), directive }
    }
    case 'operand':
      return { candidates: [], directive: directives.files }
  }
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

function valuesOf(option: Option, prefix: string): Completion {
  const values: Readonly<Record<string, readonly string[]>> = {
    '--format': ['json', 'table'],
    '--charset': ['alphanumeric', 'letters', 'digits', 'hex', 'base64url', 'printable', 'bytes', 'chars:']
  }
  return words((values[option.long ?? ''] ?? []).map(value => ({ value: prefix + value, meaning: '' })))
}

async function operandsFor(
  kind: string,
  api: Api,
  operands: readonly string[],
  current: string
): Promise<Completion> {
  const box = operands[0] ?? ''
  switch (kind) {
    case 'box':
      return boxes(api, '')
    case 'box|box:path':
      return current.includes(':') ? addresses(api, current) : boxes(api, '')
    case 'path':
      return box.includes(':') ? addresses(api, current) : paths(api, box, current, '')
    case 'version':
    case 'older':
    case 'newer':
      return versions(api, box)
    case 'box[:path]':
    case 'box:path':
      return addresses(api, current)
    case 'from':
    case 'to':
      return orFiles(await addresses(api, current))
    case 'shell':
      return words(['bash', 'fish', 'zsh'].map(value => ({ value, meaning: '' })))
    default:
      return { candidates: [], directive: directives.files }
  }
}

function orFiles({ candidates, directive }: Completion): Completion {
  return { candidates, directive: directive & ~directives.noFiles }
}

async function boxes(api: Api, ending: string): Promise<Completion> {
  const all = await api.boxes()
  const completion = words(
    all.map(({ name, files }) => ({ value: name + ending, meaning: counted(files, 'entry', 'entries') }))
  )
  return ending === '' ? completion : { ...completion, directive: completion.directive | directives.noSpace }
}

async function addresses(api: Api, current: string): Promise<Completion> {
  const colon = current.indexOf(':')
  if (colon === -1) return boxes(api, ':')
  return paths(api, current.slice(0, colon), current.slice(colon + 1), current.slice(0, colon + 1))
}

/** One level of a box's tree at a time, as shells do it with files: a directory is completed up to its `/`. */
async function paths(api: Api, box: string, current: string, prefix: string): Promise<Completion> {
  const { files } = await api.box(parseBoxName(box))
  const directory = current.slice(0, current.lastIndexOf('/') + 1)
  const here = files.filter(
    ({ path }) => path.startsWith(directory) && !path.slice(directory.length).includes('/')
  )
  const candidates = here.map(({ path, type }) => {
    return { value: prefix + path + (type === 'directory' ? '/' : ''), meaning: type }
  })
  const left = candidates.filter(({ value }) => value.startsWith(prefix + current))
  const open = left.length === 1 && left[0]?.value.endsWith('/') === true
  return { candidates, directive: directives.noFiles | (open ? directives.noSpace : 0) }
}

async function versions(api: Api, box: string): Promise<Completion> {
  const kept = await api.versions(parseBoxName(box))
  const newestFirst = kept.toReversed()
  return {
    candidates: newestFirst.map(({ version, created }) => ({ value: String(version), meaning: created })),
    // By themselves shells sort words: 1, 10, 2.
    directive: directives.noFiles | directives.inOrder
  }
}

function words(candidates: readonly Candidate[]): Completion {
  return { candidates, directive: directives.noFiles }
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
