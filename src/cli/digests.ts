import { createHmac } from 'node:crypto'
import { entriesOf } from '../tar/entries.ts'
import { parseFilePath, type BoxName } from '../vault/names.ts'
import type { Api, BoxListing } from './api.ts'
import type { Progress } from './progress.ts'

const shownDigits = 12

/**
 * A digest of each file of a version, by path. It is keyed with the box's own random ID: equal contents in one
 * box have equal digests, and who sees only a digest cannot try out guesses of a short secret against it. What is
 * read is counted by `progress`.
 */
export async function digestsOf(
  api: Api,
  box: BoxName,
  { id, version }: BoxListing,
  progress: Progress
): Promise<Map<string, string>> {
  const { body } = await api.read(box, parseFilePath(''), { tree: true, version })
  const digests = new Map<string, string>()
  for await (const entry of entriesOf(progress.count(body))) {
    const hmac = createHmac('sha256', id)
    for await (const chunk of entry.contents) {
      hmac.update(chunk)
      chunk.fill(0)
    }
    if (entry.header.type === 'file') digests.set(entry.header.name, hmac.digest('hex').slice(0, shownDigits))
  }
  return digests
}
