import { readFileSync } from 'node:fs'
import koffi from 'koffi'

/** mount(2) flags, from <linux/mount.h>. */
export const MountFlag = { readOnly: 1, noSuid: 2, noDev: 4, noExec: 8, remount: 32, bind: 4096 } as const
/** umount2(2) flags. */
export const UmountFlag = { detach: 2, noFollow: 8 } as const

const libc = koffi.load(null)
const mountCall = libc.func(
  'int mount(const char *, const char *, const char *, unsigned long, const char *)'
)
const umountCall = libc.func('int umount2(const char *, int)')

/** mount(2). */
export function mount(
  source: string | null,
  target: string,
  type: string | null,
  flags: number,
  options: string | null
): void {
  if (mountCall(source, target, type, flags, options) !== 0)
    throw new Error(`cannot mount ${target}: errno ${koffi.errno()}`)
}

/** umount2(2). */
export function umount(target: string, flags: number = UmountFlag.detach): void {
  if (umountCall(target, flags) !== 0) throw new Error(`cannot unmount ${target}: errno ${koffi.errno()}`)
}

/** One line of a mountinfo file (proc_pid_mountinfo(5)). */
export interface MountEntry {
  /** `major:minor` of the file system. */
  readonly device: string
  readonly root: string
  readonly target: string
  readonly type: string
  readonly source: string
}

/** The mounts that a mountinfo file tells of. */
export function parseMountInfo(text: string): MountEntry[] {
  return text.split('\n').flatMap(line => {
    const dash = line.indexOf(' - ')
    if (dash === -1) return []
    const [, , device = '', root = '', target = ''] = line.slice(0, dash).split(' ')
    const [type = '', source = ''] = line.slice(dash + 3).split(' ')
    return [
      {
        device,
        root: unescapeOctal(root),
        target: unescapeOctal(target),
        type,
        source: unescapeOctal(source)
      }
    ]
  })
}

/** The mounts below a directory, as this process sees them. */
export function mountsBelow(directory: string): MountEntry[] {
  const mounts = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'))
  return mounts.filter(({ target }) => target.startsWith(`${directory}/`))
}

/** Unmounts everything below a directory. */
export function unmountBelow(directory: string): void {
  for (const { target } of mountsBelow(directory).toReversed()) umount(target)
}

/** mountinfo writes space, tab, newline and backslash as three octal digits. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
