import { createCipheriv, createHash } from 'node:crypto'
import { parseBoxName, type MountId, type VolumeName } from '../../src/base/names.ts'
import { parseVolumeOptions } from '../../src/volumes/options.ts'
import { putCopyRecord, putVolume, removeCopyRecord } from '../../src/volumes/records.ts'
import { change, putting, removing, root, type OpenVault } from '../kit/open-vault.ts'

/** What a vault holds, without the vault: to compare with what it says. */
export interface Expected {
  /** Box → version → path → `digestOf` its contents. */
  readonly boxes: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>
  readonly volumes: readonly string[]
  readonly labels: readonly string[]
  /** How many entries the audit has: one for each step that changed something. */
  readonly audited: number
}

/** What stands for contents. */
export function digestOf(contents: Buffer): string {
  return createHash('sha256').update(contents).digest('hex')
}

/** One change of a vault, and what it makes of what there was. */
export interface Step {
  readonly name: string
  run(vault: OpenVault): Promise<unknown>
  becomes(before: Expected): Expected
}

/** How many versions of a box are kept, so that versions are dropped here too. */
export const maxVersions = 3

const nothing: Expected = { boxes: {}, volumes: [], labels: [], audited: 0 }
const volume = 'db' as VolumeName
const mount = 'a'.repeat(64) as MountId

type Tree = Readonly<Record<string, string>>

/** The newest tree of a box and its version. */
function newest({ boxes }: Expected, box: string): { version: number; tree: Tree } {
  const versions = Object.entries(boxes[box] ?? {})
  const [version, tree] = versions.at(-1) ?? ['0', {}]
  return { version: Number(version), tree }
}

function withVersion(before: Expected, box: string, tree: Tree): Expected {
  const versions: Readonly<Record<string, Tree>> = {
    ...before.boxes[box],
    [newest(before, box).version + 1]: tree
  }
  const kept: Record<string, Tree> = {}
  for (const version of Object.keys(versions).slice(-maxVersions)) kept[version] = versions[version] ?? {}
  return { ...before, boxes: { ...before.boxes, [box]: kept }, audited: before.audited + 1 }
}

function create(box: string): Step {
  return {
    name: `create ${box}`,
    run: ({ vault }) => vault.create(root, parseBoxName(box)),
    becomes: before => withVersion(before, box, {})
  }
}

function put(box: string, files: Readonly<Record<string, Buffer>>): Step {
  return {
    name: `put ${Object.keys(files).join(', ')} into ${box}`,
    run: vault =>
      change(
        vault,
        parseBoxName(box),
        ...Object.entries(files).map(([path, bytes]) => putting(path, Buffer.from(bytes)))
      ),
    becomes(before) {
      const tree = { ...newest(before, box).tree }
      for (const [path, contents] of Object.entries(files)) tree[path] = digestOf(contents)
      return withVersion(before, box, tree)
    }
  }
}

function remove(box: string, path: string): Step {
  return {
    name: `remove ${path} from ${box}`,
    run: vault => change(vault, parseBoxName(box), removing(path)),
    becomes(before) {
      const { [path]: _gone, ...tree } = newest(before, box).tree
      return withVersion(before, box, tree)
    }
  }
}

function rollback(box: string, to: number): Step {
  return {
    name: `roll ${box} back to ${to}`,
    run: ({ vault }) => vault.rollback(root, parseBoxName(box), to, null),
    becomes: before => withVersion(before, box, before.boxes[box]?.[to] ?? {})
  }
}

function destroy(box: string): Step {
  return {
    name: `destroy ${box}`,
    run: ({ vault }) => vault.destroy(root, parseBoxName(box), null),
    becomes(before) {
      const { [box]: _gone, ...boxes } = before.boxes
      return { ...before, boxes, audited: before.audited + 1 }
    }
  }
}

const createVolume: Step = {
  name: 'create a volume',
  async run({ gate }) {
    const created = new Date().toISOString()
    await gate.run({ kind: 'engine' }, 'volume.create', { volume, box: parseBoxName('db') }, permit =>
      permit.commit({}, [putVolume({ name: volume, options: parseVolumeOptions(volume, {}), created })])
    )
  },
  becomes: before => ({ ...before, volumes: [volume], audited: before.audited + 1 })
}

const mountVolume: Step = {
  name: 'label a copy',
  async run({ vault }) {
    const box = parseBoxName('db')
    const created = new Date().toISOString()
    await vault.open({ kind: 'engine' }, 'mount', { box, volume, mount }, null, (opened, record) => {
      const { version } = opened.info
      const of = { device: null, container: null, madeFor: null }
      return record([putCopyRecord({ mount, volume, box, version, created, ...of })])
    })
  },
  becomes: before => ({ ...before, labels: [mount], audited: before.audited + 1 })
}

const unmountVolume: Step = {
  name: 'remove the label',
  async run({ gate }) {
    await gate.run({ kind: 'engine' }, 'copy.wipe', { volume, mount }, permit =>
      permit.commit({}, [removeCopyRecord(volume, mount)])
    )
  },
  becomes: before => ({ ...before, labels: [], audited: before.audited + 1 })
}

const rotateRoot: Step = {
  name: 'rotate root',
  run: vault => vault.rotateRoot(root),
  becomes: before => ({ ...before, audited: before.audited + 1 })
}

function rotateBox(box: string): Step {
  return {
    name: `rotate ${box}`,
    run: vault => vault.rotateBox(root, parseBoxName(box)),
    becomes: before => ({ ...before, audited: before.audited + 1 })
  }
}

/** Closing the store writes its log back into its file. */
export const restart: Step = {
  name: 'restart',
  run: () => Promise.resolve(),
  becomes: before => before
}

/** Bytes that look random and are the same in every process. */
function bytes(seed: string, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

// Small ones lie in the manifest; larger ones are blobs, of more than one chunk from 1 MiB on.
const small = bytes('small', 40)
const blob = bytes('blob', 60_000)
const chunks = bytes('chunks', (1 << 20) + 5000)

/** What happens to the vault, in this order, after it was made. */
export const steps: readonly Step[] = [
  create('db'),
  put('db', { password: small }),
  put('db', { keytab: blob, user: Buffer.from('admin') }),
  createVolume,
  mountVolume,
  restart,
  put('db', { password: bytes('second', 40) }),
  put('db', { archive: chunks }),
  put('db', { archive: bytes('second archive', chunks.length) }),
  create('web'),
  put('web', { 'tls/key.pem': bytes('key', 1700), 'tls/cert.pem': bytes('cert', 4000) }),
  remove('db', 'keytab'),
  rollback('db', 5),
  rotateRoot,
  unmountVolume,
  restart,
  put('db', { keytab: bytes('third', 70_000) }),
  rotateBox('db'),
  put('db', { user: Buffer.from('root') }),
  // Four of these fill the log, which is then written back into the file while the store goes on.
  put('db', { archive: bytes('third archive', chunks.length) }),
  put('db', { archive: bytes('fourth archive', chunks.length) }),
  put('db', { archive: bytes('fifth archive', chunks.length), other: chunks }),
  destroy('web'),
  put('db', { password: bytes('fourth', 40), keytab: small }),
  destroy('db'),
  create('db'),
  put('db', { password: blob })
]

/** What the vault must hold after so many of the steps. */
export function expectedAfter(all: readonly Step[], count: number): Expected {
  return all.slice(0, count).reduce((state, step) => step.becomes(state), nothing)
}
