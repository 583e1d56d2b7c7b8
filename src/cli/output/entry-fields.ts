import type { BoxEntry } from '../../api/boxes.ts'

/** The fields that entries have; a directory has no size, and a symlink alone a target. */
export const entryShape = { Path: {}, Type: {}, Mode: {}, Size: {}, Target: {} } as const

/** An entry as JSON and templates show it, in docker's spelling. */
export function entryFields(entry: BoxEntry): Record<string, unknown> {
  const { path: Path, type: Type } = entry
  switch (entry.type) {
    case 'file':
      return { Path, Type, Mode: entry.mode, Size: entry.size }
    case 'directory':
      return { Path, Type, Mode: entry.mode }
    case 'symlink':
      return { Path, Type, Target: entry.target }
  }
}
