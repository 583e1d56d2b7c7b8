import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

const program = new URL('opener.ts', import.meta.url).pathname

interface Opener {
  readonly child: ChildProcess
  readonly lines: AsyncIterator<string>
  readonly ended: Promise<unknown>
}

function startOpener(path: string, pairs = 0): Opener {
  const child = spawn(process.execPath, [program, path, String(pairs)], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](), ended }
}

async function nextLine({ lines }: Opener): Promise<string | undefined> {
  const { value } = (await lines.next()) as { value: string | undefined }
  return value
}

test('a store that another process holds is refused, and free when that one ends', async () => {
  const path = join(temporaryDirectory(), 'store.db')
  const opener = startOpener(path)
  expect(await nextLine(opener)).toBe('open')
  await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
    code: 'in_use',
    message: `cannot open store "${path}": another secretbox daemon holds it`,
    hint: 'stop the other daemon, or give this one a data directory of its own'
  })
  opener.child.kill('SIGKILL')
  await opener.ended
  const store = await openSqliteStore(path, { create: false })
  await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({ code: 'in_use' })
  await store.close()
})

test('of processes that make a store at the same moment one has it, and what it commits stays', async () => {
  for (let round = 0; round < 3; round++) {
    const directory = temporaryDirectory()
    const path = join(directory, 'store.db')
    const openers = Array.from({ length: 4 }, () => startOpener(path, 1))
    const said = await Promise.all(openers.map(nextLine))
    expect(said.sort()).toEqual(
      ['in_use', 'in_use', 'in_use', 'open'].map(code =>
        code === 'open' ? code : `${code}: cannot open store "${path}": another secretbox daemon holds it`
      )
    )
    for (const { child } of openers) child.stdin?.end()
    await Promise.all(openers.map(({ ended }) => ended))
    const store = await openSqliteStore(path, { create: false })
    expect(await store.count('left/')).toBe(1)
    await store.close()
    expect(readdirSync(directory)).toEqual(['store.db'])
  }
})

test('a process that is killed between commits loses none that it was told of, and no half of one', async () => {
  const path = join(temporaryDirectory(), 'store.db')
  let last = 0
  for (const stopAt of [1, 7, 20, 45]) {
    const opener = startOpener(path, 100_000)
    expect(await nextLine(opener)).toBe('open')
    let told = 0
    while (told < stopAt) told = Number(await nextLine(opener))
    opener.child.kill('SIGKILL')
    await opener.ended
    // What it had said before the signal reached it.
    for (let line = await nextLine(opener); line !== undefined; line = await nextLine(opener))
      told = Number(line)

    const store = await openSqliteStore(path, { create: false })
    const committed = Number((await store.get('last'))?.value.toString())
    expect(committed).toBeGreaterThanOrEqual(told)
    last = Math.max(last, committed)
    for (const side of ['left', 'right']) {
      const found = await Array.fromAsync(store.list(`${side}/`))
      expect(found).toHaveLength(last)
      for (const { key, value } of found) {
        const number = Number(key.slice(side.length + 1))
        expect(value.equals(Buffer.alloc(20_000, number))).toBe(true)
      }
    }
    await store.close()
  }
})
