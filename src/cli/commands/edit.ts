import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { newBytes } from '../../base/secret.ts'
import { isSecretboxError, quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { entriesOf } from '../../tar/entries.ts'
import { addressText, placeToStore, type Place } from '../client/address.ts'
import type { Api } from '../client/api.ts'
import { toFill } from './box-to-fill.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { runEditor } from '../input/editor.ts'
import { readAll } from '../client/http.ts'
import { humanSize } from '../output/human.ts'
import { endsWithNewline, isEndedLine, newlineNote, withoutLastNewline } from '../input/line-end.ts'
import { placeOperands } from '../declare/operand.ts'
import { withPrivateFile } from '../input/private-file.ts'

interface EditOptions {
  readonly stripNewline?: boolean
  readonly allowEmpty?: boolean
}

const maxEditBytes = 16_000_000

/** `edit BOX:PATH`: opens a file of a box in the user's editor, and stores what the editor leaves. */
export function edit(cli: Cli): Command {
  const [place, path] = placeOperands('the file')
  return command(
    cli,
    'edit',
    'Open a file of a box in $VISUAL or $EDITOR and store what was saved; a file that does not exist begins empty. ' +
      'It is edited in memory (tmpfs) and overwritten there afterwards. Nothing is stored when the file was changed ' +
      'meanwhile, or when the editor fails.',
    ['$ edit db:pgpass', 'EDITOR=nano $ edit web:nginx/htpasswd']
  )
    .summary('Edit a file of a box')
    .addArgument(place)
    .addArgument(path)
    .option('-s, --strip-newline', 'store it without one newline at its end, such as editors add')
    .option('--allow-empty', 'store an emptied file')
    .action((first: string, second: string | undefined, options: EditOptions) =>
      editFile(cli, placeToStore(first, second), options)
    )
}

async function editFile(cli: Cli, place: Place, options: EditOptions): Promise<void> {
  const original = await load(cli.api, place)
  try {
    await withPrivateFile(basename(place.path), original.bytes, cli.env, async file => {
      await runEditor(cli, file)
      const edited = await readFile(file).catch((error: unknown) => {
        throw new SecretboxError('invalid', `cannot read what the editor left: ${reasonOf(error)}`)
      })
      try {
        const contents = options.stripNewline === true ? withoutLastNewline(edited) : edited
        await storeEdited(cli, place, original, contents, options)
      } finally {
        edited.fill(0)
      }
    })
  } finally {
    original.bytes.fill(0)
  }
}

async function storeEdited(
  cli: Cli,
  place: Place,
  original: Original,
  contents: Buffer,
  { allowEmpty }: EditOptions
): Promise<void> {
  const what = addressText(place.box, place.path)
  if (contents.equals(original.bytes)) {
    cli.note('nothing was changed')
    return
  }
  if (contents.length === 0 && allowEmpty !== true) {
    throw new SecretboxError('invalid', `${quote(what)} was emptied, so nothing was stored`, {
      hint: 'store an empty file with --allow-empty, or take it out of the box with remove'
    })
  }
  await store(cli.api, place, original, contents)
  if (isEndedLine(contents) && !endsWithNewline(original.bytes)) cli.note(newlineNote(what))
}

/** A file as it was when the editor got it. */
interface Original {
  readonly version: number
  /** Octal text; undefined for a file that does not exist yet. */
  readonly mode: string | undefined
  readonly bytes: Buffer
}

async function load(api: Api, { box, path }: Place): Promise<Original> {
  const { files, version } = await toFill(box, api.box(box))
  const entry = files.find(each => each.path === path)
  if (entry?.type === 'symlink') {
    throw new SecretboxError('invalid', `cannot edit ${quote(path)}: it is a symlink`, {
      hint: `edit the file that it leads to: ${quote(entry.target)}`
    })
  }
  const found = await api.kindAt(box, path, version)
  if (found === null) return { version, mode: undefined, bytes: newBytes(0) }
  if (found.kind === 'directory')
    throw new SecretboxError('invalid', `cannot edit ${quote(path)}: it is a directory`)
  // As tar, because that tells the mode.
  const { body } = await api.read(box, path, { tree: true, version })
  for await (const entry of entriesOf(body)) {
    const { mode, size } = entry.header
    if (size > maxEditBytes) {
      throw new SecretboxError(
        'too_large',
        `cannot edit ${quote(path)}: it is larger than ${humanSize(maxEditBytes)}`
      )
    }
    return {
      version,
      mode: mode.toString(8),
      bytes: await readAll(entry.contents, maxEditBytes)
    }
  }
  throw new SecretboxError('internal', `the daemon sent nothing for ${quote(path)}`)
}

/** Stores what was edited, unless the file itself was changed meanwhile; the rest of the box may have been. */
async function store(api: Api, place: Place, original: Original, edited: Buffer): Promise<void> {
  for (let { version } = original; ;) {
    try {
      // Sent bytes are overwritten, and they may have to be sent again.
      const body = [Buffer.from(edited)]
      await api.putFile(place.box, place.path, body, { mode: original.mode, ifVersion: version })
      return
    } catch (error) {
      if (!isSecretboxError(error, 'precondition')) throw error
      const now = await load(api, place)
      const same = now.bytes.equals(original.bytes) && now.mode === original.mode
      now.bytes.fill(0)
      version = now.version
      if (!same) {
        throw new SecretboxError(
          'precondition',
          `${quote(addressText(place.box, place.path))} was changed meanwhile, in version ${version} or before`,
          { hint: 'nothing was stored; edit it again' }
        )
      }
    }
  }
}
