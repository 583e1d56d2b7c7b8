import { entriesOf } from '../../tar/entries.ts'
import { packed, packEntry } from './tar-pack.ts'

/** A tar of the daemon's with a directory around what is in it. */
export function tarBelow(
  directory: string,
  mode: number,
  tar: AsyncIterable<Buffer>
): AsyncGenerator<Buffer> {
  return packed(async outer => {
    await packEntry(outer, { name: `${directory}/`, type: 'directory', mode }, 0, [])
    await packAgain(outer, tar, name => `${directory}/${name}`)
  })
}

/** A tar of the daemon's of one file, which gets another name. */
export function tarNamed(name: string, tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  return packed(outer => packAgain(outer, tar, () => name))
}

async function packAgain(
  outer: Parameters<typeof packEntry>[0],
  tar: AsyncIterable<Buffer>,
  nameOf: (name: string) => string
): Promise<void> {
  for await (const { header, contents } of entriesOf(tar)) {
    if (outer.destroyed) return
    const { name, type, mode, linkname, size } = header
    // The daemon sends no others.
    if (type === 'link' || type === 'other') continue
    await packEntry(outer, { name: nameOf(name), type, mode, linkname }, size, contents)
  }
}
