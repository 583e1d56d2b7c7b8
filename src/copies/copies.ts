import { statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { CopyMemory } from '../base/copy-memory.ts'
import { quote } from '../base/errors.ts'
import { checked, createAskJob, jobWasLost, mostTries } from './ask-job.ts'
import { isCopyKey, type CopyKey } from './copy-key.ts'
import { rootOfCopy } from './ownership.ts'
import type { Supervisor } from './supervisor.ts'
import { sendTree, type CopyContents, type CopyOptions } from './send-tree.ts'
import { sizeOf } from './size.ts'
import { memories, outcomes, readReply, replyBytes, requestBytes, type JobRequest } from './wire.ts'

/** The file systems of copies, one per key, under one directory. Knows nothing of volumes or of who uses a copy. */
export interface Copies {
  readonly memory: CopyMemory
  /**
   * Where the contents of a copy are or would be: a directory in its file system. Where that is not mounted there is no such
   * directory, so that who binds it fails, and never shows an empty one that lies below (Engine fact 18).
   */
  pathOf(key: CopyKey): string
  /** The directories that there are, mounted or not; a name that is no key is not ours. */
  list(): Promise<CopyKey[]>
  /** The `st_dev` of a copy's file system, or null when nothing is mounted there. */
  deviceOf(key: CopyKey): number | null
  /**
   * Makes a copy and gives its `st_dev`; when any step fails nothing of it is left. `mounted` is called with that as soon as
   * all of the contents was read, while they are still being written; once more, with another, when a job was killed. Throws
   * `unavailable` that names the step, `invalid` when a size is too small, or what reading or `mounted` throws.
   */
  make(
    key: CopyKey,
    contents: CopyContents,
    options: CopyOptions,
    mounted?: (device: number) => Promise<void>
  ): Promise<number>
  /**
   * Binds a new socket at the place that a copy with the option `api` has for it, and gives its descriptor, which listens.
   * What lay there before is gone. Throws `conflict` when there is no such copy, `unavailable` for what could not be done.
   */
  listen(key: CopyKey): Promise<number>
  /**
   * Overwrites, unlinks, unmounts and removes a copy, and any that was stacked below it. Does nothing for one that
   * is not there. False when somebody keeps a file of it open in a way that forbids writing: it stays, and is to be
   * wiped again; after a minute of that it goes as it is. Throws `conflict` for a mount or a directory that is not
   * ours, `unavailable` for what could not be overwritten or unmounted.
   */
  wipe(key: CopyKey): Promise<boolean>
}

/** By then the kernel has broken any lease that was there at the first try (fcntl(2); /proc/sys/fs/lease-break-time: 45 s). */
const busyForMs = 60_000

/**
 * Opens the directory of copies that the supervisor serves, finding out what memory the kernel offers. Throws
 * `unavailable` when the directory cannot be written or nothing may be mounted.
 */
export async function openCopies(
  directory: string,
  supervisor: Supervisor,
  { nowMs }: Pick<Clock, 'nowMs'>
): Promise<Copies> {
  const ask = createAskJob(supervisor)
  const placeOf = (key: CopyKey): string => join(directory, key)
  const pathOf = (key: CopyKey): string => join(placeOf(key), rootOfCopy.name)
  /** Since when a copy could not be overwritten. */
  const busySince = new Map<CopyKey, number>()

  const { memory, pageBytes } = checked(
    `use copies directory ${quote(directory)}`,
    await ask({ job: 'probe' })
  )

  const copies: Copies = {
    memory: memories[memory] as CopyMemory,
    pathOf,

    async list() {
      return (await readdir(directory)).filter(isCopyKey)
    },

    deviceOf(key) {
      const mounted = statSync(placeOf(key), { throwIfNoEntry: false })?.dev
      return mounted === undefined || mounted === statSync(directory).dev ? null : mounted
    },

    async make(key, contents, options, mounted = () => Promise.resolve()) {
      const size = sizeOf(contents, options, pageBytes)
      const request: JobRequest = { job: 'make', key, isWritable: options.rw, ...size }
      const reply = await ask(request, {
        send: (connection, head) => sendTree(connection, head, contents, options),
        mounted
      })
      return checked(`make copy ${quote(placeOf(key))}`, reply).device
    },

    async listen(key) {
      for (let tries = 0; tries < mostTries; tries++) {
        const passed = await supervisor.pass(requestBytes({ job: 'listen', key }), replyBytes)
        if (passed === null) continue
        checked(`listen in copy ${quote(placeOf(key))}`, readReply(passed.answer))
        if (passed.descriptor !== null) return passed.descriptor
      }
      throw jobWasLost('listen in a copy')
    },

    async wipe(key) {
      const isLast = nowMs() - (busySince.get(key) ?? Infinity) > busyForMs
      const reply = await ask({ job: 'wipe', key, isLast })
      if (reply.outcome === outcomes.busy) {
        if (!busySince.has(key)) busySince.set(key, nowMs())
        return false
      }
      busySince.delete(key)
      checked(`wipe copy ${quote(placeOf(key))}`, reply)
      return true
    }
  }
  return copies
}
