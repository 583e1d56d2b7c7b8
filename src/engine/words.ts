/*
 * What Engines say, word by word: where an Engine has no code for what we must know, there is nothing but its text. Each
 * saying was read off a real Engine of the versions that it names. It is the whole of an error, from its first letter to its
 * last: a part of one may be written by anybody, as an image's USER is that no container of it can be started with.
 *
 * `{volume}` and `{driver}` are those in question; `{source}`, `{copy}` and `{socket}` are the Engine's own paths; `{task}`,
 * `{answer}`, `{reason}` and `{containers}` are whatever is there; `{unknown}` is `: unknown`, which an Engine puts behind some
 * errors of containerd's, or nothing.
 */

/** Of Debian: bookworm, trixie, sid. */
export const engineVersions = ['20.10.24', '26.1.5', '28.5.2'] as const

export interface Saying<M extends string> {
  readonly means: M
  readonly says: string
  readonly seenOn: readonly (typeof engineVersions)[number][]
}

const everywhere = engineVersions
const mounting = "error while mounting volume '{source}': "
const looking = 'get {volume}: error while checking if volume "{volume}" exists in driver "{driver}": '
const disabled = 'error looking up volume plugin {driver}: plugin {driver} found but disabled'
const missing = 'error looking up volume plugin {driver}: plugin "{driver}" not found'
const binding =
  'failed to create {task}: OCI runtime create failed: runc create failed: unable to start container process: error during container init: '

/**
 * What the Engine notes on a container that it could not start (`State.Error`) when the driver of a volume is the cause.
 * `refused`: the driver answered so. `away`: the Engine knows no such plugin that is enabled. `silent`: the plugin gave
 * no answer. `gone`: it answered, and its copy was taken off the host before the container came to have it (Engine fact 18).
 */
const startSayings: readonly Saying<'refused' | 'away' | 'silent' | 'gone'>[] = [
  { means: 'refused', says: `${mounting}VolumeDriver.Mount: {answer}`, seenOn: everywhere },
  { means: 'away', says: mounting + looking + disabled, seenOn: everywhere },
  { means: 'away', says: mounting + looking + missing, seenOn: everywhere },
  // An Engine that has begun since does not come as far as the mounting.
  { means: 'away', says: looking + disabled, seenOn: everywhere },
  { means: 'away', says: looking + missing, seenOn: everywhere },
  {
    means: 'silent',
    says: `${mounting}${looking}Post "{socket}/VolumeDriver.Get": {reason}`,
    seenOn: everywhere
  },
  // Met when the Engine begins while a plugin hangs, and when a Mount takes too long; by moby's source (volume/service).
  { means: 'silent', says: `${looking}Post "{socket}/VolumeDriver.Get": {reason}`, seenOn: [] },
  { means: 'silent', says: `${mounting}Post "{socket}/VolumeDriver.Mount": {reason}`, seenOn: ['20.10.24'] },
  // runc's 1.1, then its 1.3, whichever Engine it is beside.
  {
    means: 'gone',
    says: `${binding}error mounting "{copy}" to rootfs at {reason}: no such file or directory{unknown}`,
    seenOn: ['20.10.24', '26.1.5']
  },
  {
    means: 'gone',
    says: `${binding}failed to fulfil mount request: open {copy}: no such file or directory{unknown}`,
    seenOn: ['28.5.2']
  }
]

/** What the Engine answers when it does not remove a volume. Of all else it is not known that another try is of no use. */
const removalSayings: readonly Saying<'in use' | 'unknown'>[] = [
  { means: 'in use', says: 'remove {volume}: volume is in use - [{containers}]', seenOn: everywhere },
  { means: 'unknown', says: 'get {volume}: no such volume', seenOn: everywhere }
]

/** All of these; docs/engine-facts.md shows them. */
export const engineSayings: readonly Saying<string>[] = [...startSayings, ...removalSayings]

/** Why a container could not be started. */
export type StartFailure =
  { readonly means: 'refused'; readonly answer: string } | { readonly means: 'away' | 'silent' | 'gone' }

/** Reads what the Engine noted about a start; null when it says nothing about this volume of this driver. */
export function readStartError(error: string, volume: string, driver: string): StartFailure | null {
  const found = read(startSayings, error, { volume, driver })
  if (found === null) return null
  const { means, parts } = found
  return means === 'refused' ? { means, answer: parts['answer'] ?? '' } : { means }
}

/** Reads why the Engine did not remove a volume; null for what may be over at the next try. */
export function readRemovalError(error: string, volume: string): 'in use' | 'unknown' | null {
  return read(removalSayings, error, { volume })?.means ?? null
}

/** The paths are those of plugins' sockets, percent-encoded as the host of a URL, or plain. */
const open: Readonly<Record<string, string>> = {
  source: "[^']*",
  socket: 'http://[^"/ ]+',
  // Of a volume with a `file` it is that.
  copy: '/[^"]+/propagated-mount/[0-9a-f]{32}/contents(?:/[^/]+)?',
  task: '[a-z :]+',
  answer: '.*',
  reason: '.*',
  unknown: '(?:: unknown)?',
  containers: '[0-9a-f, ]*'
}

function read<M extends string>(
  sayings: readonly Saying<M>[],
  text: string,
  known: Readonly<Record<string, string>>
): { means: M; parts: Readonly<Record<string, string>> } | null {
  for (const { means, says } of sayings) {
    const pattern = says
      .split(/(\{\w+\})/)
      .map(part => {
        const name = /^\{(\w+)\}$/.exec(part)?.[1]
        if (name === undefined) return escaped(part)
        const value = known[name]
        return value === undefined ? `(?<${name}>${open[name] ?? ''})` : escaped(value)
      })
      .join('')
    const match = new RegExp(`^${pattern}$`, 's').exec(text)
    if (match !== null) return { means, parts: match.groups ?? {} }
  }
  return null
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
