import { Option, type Command } from 'commander'
import { quote, SecretboxError } from '../../base/errors.ts'
import type { KeyslotList } from '../../api/keyslots.ts'
import type { KeyslotKind } from '../client/api.ts'
import { nothing, words, type Complete } from '../completion/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { choiceOperand, Operand } from '../declare/operand.ts'
import { exitCodes, UsageError } from '../output/failure.ts'
import { ageField } from '../output/fields.ts'
import { listFormat, printerFor, type Fields } from '../output/format.ts'
import { humanAge } from '../output/human.ts'
import { makeKeyslot } from './new-keyslot.ts'
import { keyByIdentity, secretFor } from './slot-secret.ts'

interface KeyslotOptions {
  readonly name?: string
  readonly keyFile?: string
  readonly identity?: string
  readonly format?: string
}

const verbs = ['add', 'list', 'remove', 'replace', 'test'] as const
type Verb = (typeof verbs)[number]
const kinds: readonly KeyslotKind[] = ['passphrase', 'recovery', 'recipient', 'key-file']

/** `keyslot add KIND`, `keyslot list`, `keyslot remove|replace|test NAME`: the ways to the key of the vault. */
export function keyslot(cli: Cli): Command {
  return command(
    cli,
    'keyslot',
    'Manage the ways to the key of the vault. "add" takes passphrase, recovery, recipient or key-file, and a name, which is that ' +
      'without one: a passphrase is asked for or read from standard input, a recovery code is printed once, a key file is ' +
      'written to --key-file, and a recipient is the public key of an age identity (age-keygen), of which the private half stays ' +
      'where it is. "replace" makes a keyslot anew, and what opened it before opens nothing any more; "test" says whether ' +
      'something opens it, and the exit status is 1 if not. The last keyslot cannot be removed.',
    [
      '$ keyslot list',
      '$ keyslot add passphrase',
      '$ keyslot add recovery --name safe > /media/stick/recovery',
      '$ keyslot add key-file --key-file /media/stick/key',
      '$ keyslot add recipient host-b age1mh7ukuuxfeduhlcuevycm7ja5r76hczmp4wj2qd0eqlj8zmf6clsycapp4',
      '$ keyslot test safe',
      '$ keyslot remove key-file'
    ]
  )
    .summary('Manage the ways to the key of the vault')
    .addArgument(verbOperand())
    .addArgument(wordOperand().argOptional())
    .addArgument(moreOperand().several().argOptional())
    .addOption(new Option('-n, --name <name>', 'what a new keyslot is called'))
    .option('--key-file <file>', 'a key file: for "add" and "replace", which write it, and for "test"')
    .option('--identity <file>', 'a file of age identities, or "-" for standard input: for "test"')
    .option(...listFormat)
    .action(async (verb: Verb, word: string | undefined, more: string[], options: KeyslotOptions) => {
      if (options.identity !== undefined && verb !== 'test') throw new UsageError('--identity is for "test"')
      if (verb === 'list') {
        refuseWord(verb, word)
        await list(cli, options)
        return
      }
      if (options.format !== undefined) throw new UsageError('--format is for "list"')
      if (verb === 'add') {
        const { recipient, name, kind } = wishIn(word, more, options)
        await makeKeyslot(cli, 'new', { name, kind, recipient, keyFile: options.keyFile })
        return
      }
      if (options.name !== undefined) throw new UsageError('--name is for "add"')
      const name = nameGiven(verb, word)
      const [recipient, another] = more
      refuseWord(verb, verb === 'replace' ? another : recipient)
      if (verb === 'remove') await remove(cli, name)
      else {
        const slot = await slotNamed(cli, name)
        if (verb === 'replace') await makeKeyslot(cli, 'same', anew(slot, recipient, options))
        else await tell(cli, name, slot.kind, options)
      }
    })
}

/** What `add` is told of a new keyslot, whose name may stand before a recipient or behind `--name`. */
function wishIn(
  word: string | undefined,
  more: readonly string[],
  options: KeyslotOptions
): { readonly kind: KeyslotKind; readonly name: string; readonly recipient: string | undefined } {
  const kind = kindNamed(word)
  const recipient = kind === 'recipient' ? more.at(-1) : undefined
  const [name, another] = recipient === undefined ? more : more.slice(0, -1)
  if (kind === 'recipient' && recipient === undefined)
    throw new UsageError('say for whom: the public key of an age identity', 'age-keygen prints one: age1…')
  refuseWord('add', name !== undefined && options.name !== undefined ? name : another)
  return { kind, name: name ?? options.name ?? kind, recipient }
}

/** What `replace` makes of a keyslot: another for the same recipient, unless another one is named. */
function anew(
  { name, kind, recipient }: Slot,
  given: string | undefined,
  { keyFile }: KeyslotOptions
): Parameters<typeof makeKeyslot>[2] {
  if (given !== undefined && kind !== 'recipient') refuseWord('replace', given)
  return { name, kind, recipient: given ?? recipient, keyFile }
}

type Slot = KeyslotList['keyslots'][number] & { readonly kind: KeyslotKind }

const fields: Fields = {
  Name: { heading: 'NAME' },
  Kind: { heading: 'KIND' },
  By: { heading: 'BY' },
  Made: ageField('MADE'),
  Opened: {
    heading: 'LAST OPENED',
    show: (time: string | null) => (time === null ? 'never' : humanAge(time, Date.now()))
  }
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

/** Whoever had what opens a keyslot may have read all that there was while it was one. */
async function remove(cli: Cli, name: string): Promise<void> {
  const boxes = await cli.api.removeKeyslot(name)
  for (const box of boxes) cli.print(box)
  if (boxes.length > 0)
    cli.note(
      `keyslot ${quote(name)} could open ${boxes.length === 1 ? 'this box' : 'these boxes'}: if somebody else had it, replace what ` +
        'is in them'
    )
  cli.note(
    `who had it may know the keys of vault and boxes: make them others with ${cli.name} rotate root, then rotate box --all`
  )
}

async function tell(cli: Cli, name: string, kind: KeyslotKind, options: KeyslotOptions): Promise<void> {
  if (kind === 'key-file' && options.keyFile === undefined)
    throw new UsageError(`keyslot ${quote(name)} is opened by a key file`, 'say which: --key-file FILE')
  if (kind === 'recipient' && options.identity === undefined)
    throw new UsageError(`keyslot ${quote(name)} is opened by an identity`, 'say which: --identity FILE')
  const opens = await doesOpen(cli, name, kind, options)
  cli.print(opens ? 'it opens the vault' : 'it does not open the vault')
  if (!opens) cli.endWith(exitCodes.failed)
}

async function doesOpen(
  cli: Cli,
  name: string,
  kind: KeyslotKind,
  options: KeyslotOptions
): Promise<boolean> {
  if (kind !== 'recipient') return cli.api.opensKeyslot(name, kind, await secretFor(cli, kind, options))
  const found = await keyByIdentity(cli, options.identity ?? '-', name)
  return found !== null && cli.api.opensKeyslot(name, kind, [found.key])
}

async function slotNamed(cli: Cli, name: string): Promise<Slot> {
  const slot = (await cli.api.keyslots()).find(each => each.name === name)
  const kind = kinds.find(each => each === slot?.kind)
  if (slot !== undefined && kind !== undefined) return { ...slot, kind }
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
    meaning: 'for "add" passphrase, recovery, recipient or key-file; otherwise the name of a keyslot',
    parse: text => text,
    complete
  })
}

/** The name of what is added, and a recipient. */
function moreOperand(): Operand<string> {
  return new Operand({
    term: 'NAME|RECIPIENT',
    usage: '[NAME] [RECIPIENT]',
    meaning: 'for "add" the name of the keyslot; of one for a recipient its public key, also for "replace"',
    parse: text => text,
    complete: nothing
  })
}
