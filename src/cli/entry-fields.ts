import type { BoxEntry } from './api.ts'

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
