import { Option, type Command } from 'commander'
import { open, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { newBytes } from '../../base/secret.ts'
import type { KeyslotKind } from '../client/api.ts'
import { nothing, words, type Complete } from '../completion/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { choiceOperand, Operand } from '../declare/operand.ts'
import { exitCodes, UsageError } from '../output/failure.ts'
import { sendOut } from '../output/send-out.ts'
import { listFormat, printerFor, type Fields } from '../output/format.ts'
import { newPassphrase, secretFor } from './slot-secret.ts'

interface KeyslotOptions {
  readonly name?: string
  readonly keyFile?: string
  readonly format?: string
}

const verbs = ['add', 'list', 'remove', 'replace', 'test'] as const
type Verb = (typeof verbs)[number]
const kinds: readonly KeyslotKind[] = ['passphrase', 'recovery', 'key-file']

/** `keyslot add KIND`, `keyslot list`, `keyslot remove|replace|test NAME`: the ways to the key of the vault. */
export function keyslot(cli: Cli): Command {
  return command(
    cli,
    'keyslot',
    'Manage the ways to the key of the vault. "add" takes passphrase, recovery or key-file, and makes another way, named by ' +
      '--name or as its kind: a passphrase is asked for or read from standard input, a recovery code is printed once, a key file is ' +
      'written to --key-file. "replace" makes a keyslot anew, and what opened it before opens nothing any more; "test" says whether ' +
      'something opens it, and the exit status is 1 if not. The last keyslot cannot be removed.',
    [
      '$ keyslot list',
      '$ keyslot add passphrase',
      '$ keyslot add recovery --name safe > /media/stick/recovery',
      '$ keyslot add key-file --key-file /media/stick/key',
      '$ keyslot test safe',
      '$ keyslot remove key-file'
    ]
  )
    .summary('Manage the ways to the key of the vault')
    .addArgument(verbOperand())
    .addArgument(wordOperand().argOptional())
    .addOption(new Option('-n, --name <name>', 'what a new keyslot is called'))
    .option('--key-file <file>', 'a key file: for "add" and "replace", which write it, and for "test"')
    .option(...listFormat)
    .action(async (verb: Verb, word: string | undefined, options: KeyslotOptions) => {
      if (verb === 'list') {
        refuseWord(verb, word)
        await list(cli, options)
        return
      }
      if (options.format !== undefined) throw new UsageError('--format is for "list"')
      if (verb === 'add') {
        const kind = kindNamed(word)
        await make(cli, 'new', options.name ?? kind, kind, options)
        return
      }
      if (options.name !== undefined) throw new UsageError('--name is for "add"')
      const name = nameGiven(verb, word)
      if (verb === 'remove') await cli.api.removeKeyslot(name)
      else {
        const kind = await kindOfSlot(cli, name)
        if (verb === 'replace') await make(cli, 'same', name, kind, options)
        else await tell(cli, name, kind, options)
      }
    })
}

const fields: Fields = {
  Name: { heading: 'NAME' },
  Kind: { heading: 'KIND' },
  By: { heading: 'BY' },
  Made: { heading: 'MADE' },
  Opened: { heading: 'LAST OPENED', show: (time: string | null) => time ?? 'never' }
}

async function list(cli: Cli, { format = 'table' }: KeyslotOptions): Promise<void> {
  const print = printerFor(cli, format, fields, Object.keys(fields))
  const slots = await cli.api.keyslots()
  print(
    slots.map(({ name, kind, by, made, opened }) => ({
      Name: name,
      Kind: kind,
      By: by,
      Made: made,
      Opened: opened
    }))
  )
}

async function make(
  cli: Cli,
  place: 'new' | 'same',
  name: string,
  kind: KeyslotKind,
  { keyFile }: KeyslotOptions
): Promise<void> {
  if ((kind === 'key-file') !== (keyFile !== undefined))
    throw new UsageError(
      kind === 'key-file'
        ? 'say where the key file is to be: --key-file FILE'
        : `--key-file is for a key file, not for a ${kind}`
    )
  if (keyFile === undefined) {
    const made = await cli.api.makeKeyslot(
      place,
      name,
      kind,
      kind === 'passphrase' ? await newPassphrase(cli) : undefined
    )
    if (kind === 'recovery') {
      const ended = newBytes(made.length + 1)
      ended.set(made)
      ended[made.length] = 0x0a
      made.fill(0)
      await sendOut(cli, 'the recovery code', Readable.from([ended]))
      cli.note('this is shown once: keep it where neither this host nor its backups are')
    }
    return
  }
  // Before the keyslot is there, which would otherwise be one that nothing opens.
  const file = await open(keyFile, 'wx', 0o600).catch((error: unknown) => {
    throw new SecretboxError('invalid', `cannot write ${quote(keyFile)}: ${reasonOf(error)}`)
  })
  try {
    const bytes = await cli.api.makeKeyslot(place, name, kind)
    await file.writeFile(bytes)
    await file.sync()
    bytes.fill(0)
  } catch (error) {
    await rm(keyFile, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

async function tell(cli: Cli, name: string, kind: KeyslotKind, options: KeyslotOptions): Promise<void> {
  if (kind === 'key-file' && options.keyFile === undefined)
    throw new UsageError(`keyslot ${quote(name)} is opened by a key file`, 'say which: --key-file FILE')
  const opens = await cli.api.opensKeyslot(name, kind, await secretFor(cli, kind, options))
  cli.print(opens ? 'it opens the vault' : 'it does not open the vault')
  if (!opens) cli.endWith(exitCodes.failed)
}

async function kindOfSlot(cli: Cli, name: string): Promise<KeyslotKind> {
  const slot = (await cli.api.keyslots()).find(each => each.name === name)
  const kind = kinds.find(each => each === slot?.kind)
  if (kind !== undefined) return kind
  throw new SecretboxError('not_found', `no keyslot ${quote(name)}`, {
    hint: `see: ${cli.name} keyslot list`
  })
}

function kindNamed(word: string | undefined): KeyslotKind {
  const kind = kinds.find(each => each === word)
  if (kind !== undefined) return kind
  throw new UsageError(
    word === undefined ? 'say what kind of keyslot to add' : `unknown kind of keyslot ${quote(word)}`,
    `kinds are ${kinds.join(', ')}`
  )
}

function nameGiven(verb: Verb, word: string | undefined): string {
  if (word !== undefined) return word
  throw new UsageError(`say which keyslot to ${verb}`, 'see which there are: keyslot list')
}

function refuseWord(verb: Verb, word: string | undefined): void {
  if (word !== undefined) throw new UsageError(`"${verb}" takes no more words, not ${quote(word)}`)
}

function verbOperand(): Operand<Verb> {
  const choices = Object.fromEntries(verbs.map(verb => [verb, verb])) as Record<Verb, Verb>
  return choiceOperand(
    'VERB',
    choices,
    (text, known) => new UsageError(`unknown word ${quote(text)} after "keyslot"`, `there are: ${known}`)
  )
}

/** What is added, or the name of a keyslot. */
function wordOperand(): Operand<string> {
  const complete: Complete = async ({ api, before: [verb], ...asking }) => {
    if (verb === 'add') return words(kinds.map(value => ({ value, meaning: '' })))
    if (verb === 'list') return nothing({ api, before: [], ...asking })
    return words((await api.keyslots()).map(({ name, kind }) => ({ value: name, meaning: kind })))
  }
  return new Operand({
    term: 'KIND|NAME',
    meaning: 'for "add" passphrase, recovery or key-file; otherwise the name of a keyslot',
    parse: text => text,
    complete
  })
}
