import { createHash, randomBytes } from 'node:crypto'
import { ask } from './admin.ts'

/** A box's files: paths and contents. */
export type Files = ReadonlyMap<string, Buffer>

/** Files of every kind that the store knows: small ones of a manifest, one in a directory, one that is a blob. */
export function sampleFiles(): Files {
  return new Map([
    ['password', Buffer.from(randomBytes(12).toString('hex'))],
    ['tls/key.pem', randomBytes(1700)],
    ['tls/cert.pem', randomBytes(4100)],
    ['keytab', randomBytes(300_000)]
  ])
}

/** Makes a box, or puts the files into the box that is there. */
export async function fillBox(adminSocket: string, box: string, files: Files): Promise<void> {
  await ask(adminSocket, 'PUT', `/vault/${box}/`)
  for (const [path, contents] of files) {
    // The client zeroes nothing, but a copy keeps the caller's bytes its own.
    const { status, body } = await ask(adminSocket, 'PUT', `/vault/${box}/${path}`, Buffer.from(contents))
    if (status !== 200) throw new Error(`cannot put ${box}/${path}: ${status} ${body.toString()}`)
  }
}

/**
 * What `lookScript` prints in a directory that holds exactly these files: hex of the SHA-256 over all contents in
 * the order of their paths, and of the list of paths.
 */
export function expectedLook(files: Files): string {
  const paths = [...files.keys()].sort()
  const contents = createHash('sha256')
  for (const path of paths) contents.update(files.get(path) ?? '')
  const names = createHash('sha256').update(paths.map(path => `./${path}\n`).join(''))
  return `${contents.digest('hex')}  -\n${names.digest('hex')}  -`
}

/** For busybox: see `expectedLook`. */
export const lookScript = `find . -type f | sort | xargs cat | sha256sum; find . -type f | sort | sha256sum`
