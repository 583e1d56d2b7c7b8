import type { IOType, StdioOptions } from 'node:child_process'

/**
 * How a program that runs for the user is started: with these three streams, and with all other descriptors that the
 * user opened for us (`3<file`, a shell's `<(…)`) under their own numbers. Node hands on nothing by itself.
 */
export function withDescriptors(
  streams: readonly [IOType | number, IOType | number, IOType | number],
  descriptors: readonly number[]
): StdioOptions {
  const all: (IOType | number)[] = [...streams]
  for (const descriptor of descriptors) {
    while (all.length < descriptor) all.push('ignore')
    all[descriptor] = descriptor
  }
  return all
}
