import * as z from 'zod/mini'
import { quote } from '../../base/errors.ts'
import { shellWord } from '../../base/shell-word.ts'
import { entriesOf } from '../../tar/entries.ts'
import { exchangeWithEngine, findEngineSocket, oddAnswer, removeFromEngine } from '../client/engine.ts'
import { fitting } from '../client/fitting.ts'
import { readAll } from '../client/http.ts'
import type { Cli } from '../declare/cli.ts'
import type { OutOfReach } from '../output/failure.ts'
import type { ImageConfig } from './find-image.ts'

/** What an image has at its paths, symlinks followed. */
export interface ImageFiles {
  /** The bytes of a file; null where there is none. */
  read(path: string): Promise<Buffer | null>
  /** What is at a path; null: nothing. */
  kindAt(path: string): Promise<'file' | 'directory' | 'other' | null>
}

/** Enough for every list of users and groups. */
const maxFileBytes = 4 * 1024 * 1024
/** Of the container that is made to look into an image: why it is there, for whoever sees it. */
const lookLabel = 'io.secretbox.look'

const Made = z.object({ Id: z.string() })
/** The header of an archive's answer (moby, container/archive.go): Go's mode bits, and where a symlink leads at last. */
const PathStat = z.object({ mode: z.number(), linkTarget: z.nullish(z.string()) })
const goMode = { directory: 0x8000_0000, symlink: 0x0800_0000, notRegular: 0x8f28_0000 } as const

/**
 * Runs `use` with what the files of an image are, without running it: the Engine shows files of containers alone, so one is made
 * that never starts, has no network and no volumes, and is removed again. Throws `OutOfReach`.
 */
export async function withImageFiles<T>(
  cli: Pick<Cli, 'env' | 'docker'>,
  image: string,
  { volumes }: Pick<ImageConfig, 'volumes'>,
  platform: string | null,
  use: (files: ImageFiles) => Promise<T>
): Promise<T> {
  const socket = await findEngineSocket(cli.env, cli.docker)
  const query = platform === null ? '' : `?platform=${encodeURIComponent(platform)}`
  const answer = await exchangeWithEngine(socket, {
    method: 'POST',
    path: `/containers/create${query}`,
    body: {
      Image: image,
      Cmd: ['-'],
      Labels: { [lookLabel]: 'made to look into the image, and removed at once' },
      NetworkDisabled: true,
      // Where something is mounted already the Engine makes no volume of the image's, and copies nothing into it.
      HostConfig: { NetworkMode: 'none', Mounts: volumes.map(Target => ({ Type: 'tmpfs', Target })) }
    }
  })
  const text = (await readAll(answer, maxFileBytes)).toString()
  if (answer.statusCode !== 201) throw cannotLook(image, answer.statusCode)
  const { Id } = fitting(Made, text, () => cannotLook(image, answer.statusCode))
  const path = `/containers/${encodeURIComponent(Id)}`
  let found: T
  try {
    found = await use(filesOf(socket, image, path))
  } catch (error) {
    await removeLook(socket, Id, path).catch(() => undefined)
    throw error
  }
  await removeLook(socket, Id, path)
  return found
}

/** Throws `OutOfReach` when the container stays. */
function removeLook(socket: string, id: string, path: string): Promise<void> {
  const hint = `remove it: docker rm --force ${shellWord(id)}`
  return removeFromEngine(
    socket,
    `${path}?v=1&force=1`,
    'the container that was made to look into an image',
    hint
  )
}

function filesOf(socket: string, image: string, container: string): ImageFiles {
  const archiveOf = (path: string) => `${container}/archive?path=${encodeURIComponent(path)}`
  const find = async (path: string, followed = false): Promise<{ path: string; mode: number } | null> => {
    const answer = await exchangeWithEngine(socket, { method: 'HEAD', path: archiveOf(path) })
    answer.resume()
    if (answer.statusCode === 404) return null
    const header = answer.headers['x-docker-container-path-stat']
    if (answer.statusCode !== 200 || typeof header !== 'string') throw cannotLook(image, answer.statusCode)
    const text = Buffer.from(header, 'base64').toString()
    const { mode, linkTarget } = fitting(PathStat, text, () => cannotLook(image, answer.statusCode))
    const isSymlink = has(mode, goMode.symlink)
    if (!isSymlink) return { path, mode }
    // The Engine has followed it to its end, in the image.
    return followed || typeof linkTarget !== 'string' ? null : find(linkTarget, true)
  }
  return {
    async kindAt(path) {
      const found = await find(path)
      if (found === null) return null
      if (has(found.mode, goMode.directory)) return 'directory'
      return has(found.mode, goMode.notRegular) ? 'other' : 'file'
    },

    async read(path) {
      const found = await find(path)
      if (found === null || has(found.mode, goMode.notRegular)) return null
      const answer = await exchangeWithEngine(socket, { method: 'GET', path: archiveOf(found.path) })
      if (answer.statusCode !== 200) {
        answer.resume()
        return null
      }
      for await (const { header, contents } of entriesOf(answer))
        if (header.type === 'file') return await readAll(contents, maxFileBytes)
      return null
    }
  }
}

// Go's mode has 32 bits, and the operators of numbers here have signs.
function has(mode: number, bits: number): boolean {
  return (mode & bits) !== 0
}

function cannotLook(image: string, status: number | undefined): OutOfReach {
  return oddAnswer(`cannot look into image ${quote(image)}`, status)
}
