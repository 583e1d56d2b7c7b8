import Dockerode from 'dockerode'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { DockerLabels } from '../base/own-labels.ts'
import { describeContainer, type DescribedContainer, type InTime } from './describe.ts'
import { httpStatusOf } from './answers.ts'
import { askImage, type Image } from './image.ts'
import { containerIn, eventIn, givenOptionsIn, lastStartIn } from './reading.ts'
import { NoAnswer, within } from './in-time.ts'
import { readRemovalError } from './words.ts'

/** A container as the Engine lists it. */
export interface Container {
  readonly id: string
  readonly name: string | null
  /** What was asked for when it was made; the image's ID once that is another image's name. */
  readonly image: string | null
  /** `sha256:…`; null when the Engine does not say. */
  readonly imageId: string | null
  /** By what its image is known exactly: its ID, and its manifest where the Engine tells of one (28, containerd's store). */
  readonly digests: readonly string[]
  /** Of its image by which platform, as JSON, where the Engine has images of several (28, containerd's store); else null. */
  readonly platform: string | null
  /** Its own, and those of its image. */
  readonly labels: DockerLabels
  /** `created`, `running`, `paused`, `restarting`, `exited`, … */
  readonly state: string
  /** The names of the volumes it mounts, of any driver. */
  readonly volumes: readonly string[]
}

/** Why the Engine did not start a container, and whether it would again. */
export interface LastStart {
  readonly isRunning: boolean
  /** It is to be started again without anybody's asking. */
  readonly hasRestartPolicy: boolean
  /** The Engine's own message about the last start; empty when it went well. */
  readonly error: string
  /** The volumes it mounts, by name, and the driver of each as the Engine calls it (`secretbox:latest`). */
  readonly drivers: ReadonlyMap<string, string>
}

/** A volume that a container mounts, and the options that were given for it (`volume-opt`): the Engine used them only if it made the volume. */
export interface GivenOptions {
  readonly volume: string
  readonly options: Readonly<Record<string, string>>
}

/** Something that happened to a container, or a copy of a volume that was mounted for one: its process does not run yet. */
export type EngineEvent =
  | { readonly kind: 'container'; readonly action: string; readonly containerId: string }
  /** `atMs`: milliseconds since 1970. */
  | { readonly kind: 'mount'; readonly volume: string; readonly containerId: string; readonly atMs: number }

/**
 * What we ask the Engine. Everything works without it, less names: each call throws when it does not answer within its limit
 * (`EngineLimits`), as one that hangs does not.
 */
export interface Engine {
  /** All containers, or those that mount a volume. Safe to call from inside Mount. */
  containers(volume?: string): Promise<Container[]>
  /**
   * True while the Engine holds a container's lock, as it does from before the Mounts of a start until the
   * process runs: the inspect call blocks then, so it gets `timeoutMs` and no Mount may wait for it.
   */
  isLocked(containerId: string, timeoutMs: number): Promise<boolean>
  /** Never to be called from inside Mount. Throws while the container is locked for longer than an answer may take, and when it is gone. */
  describe(containerId: string): Promise<DescribedContainer>
  /** Never to be called from inside Mount, where it would wait for the Mount itself. Throws while the container is locked. */
  lastStart(containerId: string): Promise<LastStart>
  /** Those that were given any. Never to be called from inside Mount. Throws when the Engine does not say it within `timeoutMs`. */
  givenOptions(containerId: string, timeoutMs: number): Promise<GivenOptions[]>
  /**
   * Throws when the container does not run. Whether another try may do better the status of the answer does not say: that a
   * plugin is disabled is 500 or 409, by the Engine. What it notes about the start does (`lastStart`).
   */
  start(containerId: string): Promise<void>
  /** Ends a container by force, for good: its restart policy does not start it again. One that is just starting ends when it has started. */
  kill(containerId: string): Promise<void>
  /** What is known of a container's image; of one that is not there any more, nothing. Safe to call from inside Mount. */
  image(imageId: string, platform: string | null): Promise<Image>
  /**
   * `in use`: by a container, or by one that is being made. `unknown`: the Engine sees no such volume, as before it has heard
   * that the volume's plugin is there. Throws when it is something else, such as a plugin that is not enabled yet.
   */
  removeVolume(name: string): Promise<'removed' | 'in use' | 'unknown'>
  /**
   * Follows starts, ends and removals of containers, and what is mounted for them, until `signal` aborts or the stream breaks,
   * which resolves. `onOpen` when it is up.
   */
  follow(onEvent: (event: EngineEvent) => void, onOpen: () => void, signal: AbortSignal): Promise<void>
}

/** How long the Engine may take for an answer, in milliseconds. */
export interface EngineLimits {
  readonly answerMs: number
  readonly killMs: number
  readonly startMs: number
}

const usualLimits: EngineLimits = {
  answerMs: 5000,
  /** It waits for the process to end, for ten seconds (moby, daemon/kill.go), and one that the kernel is busy with may not. */
  killMs: 12_000,
  /** It waits for the Mounts of all volumes, whoever's driver they are of, and one of ours alone may take a minute. */
  startMs: 300_000
}

/** What the Engine answers to the start of a container that runs. */
const alreadyStarted = 304
/** What it answers to the end of one that does not run, and of one that is not there. */
const notRunning: readonly (number | null)[] = [409, 404]

/** The Engine behind a Unix socket. */
export function connectEngine(socketPath: string, limits = usualLimits): Engine {
  const docker = new Dockerode({ socketPath })
  const inTime: InTime = ask => within(limits.answerMs, ask)

  return {
    async containers(volume) {
      const filters = volume === undefined ? {} : { filters: { volume: [volume] } }
      const listed = await inTime(options => docker.listContainers({ all: true, ...filters, ...options }))
      return listed.map(containerIn)
    },

    async isLocked(containerId, timeoutMs) {
      try {
        await within(timeoutMs, options => docker.getContainer(containerId).inspect(options))
        return false
      } catch (error) {
        if (error instanceof NoAnswer) return true
        if (httpStatusOf(error) === 404) return false
        throw error
      }
    },

    describe: containerId => describeContainer(docker, containerId, inTime),

    async lastStart(containerId) {
      return lastStartIn(await inTime(options => docker.getContainer(containerId).inspect(options)))
    },

    async givenOptions(containerId, timeoutMs) {
      const container = docker.getContainer(containerId)
      return givenOptionsIn(await within(timeoutMs, options => container.inspect(options)))
    },

    async start(containerId) {
      try {
        await within(limits.startMs, options => docker.getContainer(containerId).start(options))
      } catch (error) {
        if (httpStatusOf(error) !== alreadyStarted) throw error
      }
    },

    async kill(containerId) {
      try {
        await within(limits.killMs, options => docker.getContainer(containerId).kill(options))
      } catch (error) {
        if (!notRunning.includes(httpStatusOf(error))) throw error
      }
    },

    image: (imageId, platform) => inTime(options => askImage(docker, imageId, platform, options)),

    async removeVolume(name) {
      try {
        await inTime(options => docker.getVolume(name).remove(options))
        return 'removed'
      } catch (error) {
        const reason = readRemovalError(messageOf(error), name)
        if (reason === null) throw error
        return reason
      }
    },

    follow: (...told) => follow(docker, inTime, ...told)
  }
}

async function follow(
  docker: Dockerode,
  inTime: InTime,
  ...[onEvent, onOpen, signal]: Parameters<Engine['follow']>
): Promise<void> {
  const stream = await inTime(({ abortSignal }) =>
    docker.getEvents({
      filters: { type: ['container', 'volume'], event: ['start', 'die', 'destroy', 'mount'] },
      abortSignal: AbortSignal.any([signal, abortSignal])
    })
  )
  onOpen()
  // No limit from here on: nothing may happen for days. While an Engine hangs nothing starts or ends; one that ends breaks it.
  try {
    // readline takes lines that are split over packets together again.
    for await (const line of createInterface({ input: Readable.from(stream) })) {
      const event = eventIn(line)
      if (event !== null) onEvent(event)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** The Engine's own text, of an answer that says that something failed; empty when it gave none. */
function messageOf(error: unknown): string {
  const body = typeof error === 'object' && error !== null && 'json' in error ? error.json : null
  const isText = typeof body === 'object' && body !== null && 'message' in body
  return isText && typeof body.message === 'string' ? body.message : ''
}
