/* Makes a copy in the directory of its argument with a kernel that knows no `noswap`, and tells what came of it. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import { loadSyscalls, SyscallError, type Syscalls } from '../../src/syscalls.ts'
import { parseFilePath, parseMountId } from '../../src/vault/names.ts'
import { openCopies, type CopyContents } from '../../src/volumes/copies.ts'
import { parseMountInfo } from '../../src/volumes/mount-table.ts'

const badArgument = 22
const syscalls = loadSyscalls()
const older: Syscalls = {
  ...syscalls,
  mount(...args) {
    if (args[4]?.includes('noswap') === true) throw new SyscallError('mount', badArgument)
    syscalls.mount(...args)
  }
}
const directory = join(process.argv[2] ?? '', 'copies')
mkdirSync(directory)
const copies = openCopies(directory, older)
const bytes = new Secret(Buffer.from('x'))
const contents: CopyContents = {
  tree: new Map([[parseFilePath('f'), { type: 'file', mode: 0o600, size: 1, content: { inline: bytes } }]]),
  read: () => bytes
}
const options = { uid: 1000, gid: 1001, mode: null, dirmode: 0o2750, rw: false, size: null }
const id = parseMountId('a')
await copies.make(id, contents, options)
const path = copies.pathOf(id)
const found = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8')).find(
  ({ target }) => target === path
)
let writing: string | null = null
try {
  writeFileSync(join(path, 'new'), '')
} catch (error) {
  writing = errnoOf(error)
}
const { uid, gid, mode } = statSync(path)
const told = {
  memory: copies.memory,
  type: found?.type,
  contents: readFileSync(join(path, 'f'), 'utf8'),
  owner: `${uid}:${gid}`,
  mode: (mode & 0o7777).toString(8),
  writing
}
await copies.wipe(id)
const writable = await copies
  .make(id, contents, { ...options, rw: true })
  .catch((error: unknown) => (error as Error).message)
process.stdout.write(JSON.stringify({ ...told, writable, left: readdirSync(directory) }))
