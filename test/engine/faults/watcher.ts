import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { callEngine } from '../../kit/engine/call-engine.ts'
import type { Engine } from '../../kit/engine/engine.ts'
import { testImage } from '../../kit/engine/image.ts'
import { freshName } from '../../kit/engine/shared-engine.ts'
import type { Files } from '../../kit/engine/boxes.ts'
import { compiled } from '../../kit/engine/compiled.ts'
import { eventually } from '../../kit/eventually.ts'
import { untilSeen } from '../../kit/engine/once-seen.ts'
import { copiesOf, containerThatBinds, type CopyMount } from '../../kit/engine/kernel.ts'

/** A container that watches its own copy. */
export interface Watcher {
  readonly name: string
  /** As `docker start`, again when the plugin has to be started anew before; rejects with the Engine's message. */
  start(): Promise<unknown>
  /** As `docker stop`, which kills it at once. */
  stop(): Promise<unknown>
  remove(): Promise<unknown>
  /** The pid of its first process; null when it does not run, by the kernel's word. */
  pid(): Promise<number | null>
  /** Its copies, as its own mount table shows them; none when it does not run. */
  copies(): Promise<CopyMount[]>
  /**
   * What is wrong with its copy, or null: that it has changed in any round so far, or differs now from the box's
   * files, byte for byte, or that the container does not run. Waits for two whole rounds from now.
   */
  whatIsWrong(): Promise<string | null>
}

export interface WatcherOptions {
  /** More arguments of `docker create`. */
  readonly more?: readonly string[]
}

/** `docker create`s a watcher of the volume, which shows a box of these files. */
export async function createWatcher(
  engine: Engine,
  volume: string,
  files: Files,
  options: WatcherOptions = {}
): Promise<Watcher> {
  const name = freshName('watcher')
  const report = join(engine.root, 'reports', name)
  for (const [path, contents] of files) {
    const expected = join(report, 'expected', path)
    await mkdir(dirname(expected), { recursive: true })
    await writeFile(expected, contents)
  }
  await engine.docker([
    ...['create', '--name', name, '--stop-signal', 'KILL'],
    ...['--mount', `type=bind,src=${report},dst=/report`],
    ...['--mount', `type=bind,src=${compiled(engine, 'watch')},dst=/watch,readonly`],
    ...['--mount', `type=volume,volume-driver=secretbox,src=${volume},dst=/secrets`],
    ...(options.more ?? []),
    ...[testImage, '/watch', '/secrets', '/report/expected', '/report']
  ])
  let last: number | null = null
  const pid = async (): Promise<number | null> => (last = await containerThatBinds(report, last))
  const rounds = async (): Promise<number> =>
    Number(await readFile(join(report, 'rounds'), 'utf8').catch(() => 0))

  const watcher: Watcher = {
    name,
    start: () => untilSeen(() => callEngine(engine, 'POST', `/containers/${name}/start`)),
    stop: () => callEngine(engine, 'POST', `/containers/${name}/stop`),
    remove: () => callEngine(engine, 'DELETE', `/containers/${name}?force=1`),
    pid,

    async copies() {
      const running = await pid()
      return running === null ? [] : copiesOf(running)
    },

    async whatIsWrong() {
      const running = await pid()
      if (running === null) return `${name} does not run`
      const before = await rounds()
      const looked = await eventually(async () => (await rounds()) >= before + 2 || null)
      if (looked === null) return `${name} looks no more`
      const changes = await readFile(join(report, 'changes'), 'utf8').catch(() => '')
      if (changes !== '') return `${name} saw changes: ${changes.slice(0, 300)}`
      for (const [path, contents] of files) {
        const now = await readFile(`/proc/${running}/root/secrets/${path}`).catch(() => Buffer.alloc(0))
        if (!now.equals(contents)) return `${name} has other bytes in ${path}`
      }
      return null
    }
  }
  return watcher
}
